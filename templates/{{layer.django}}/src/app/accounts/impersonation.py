"""Impersonation: django-hijack's views, with a `UserSession` for the impersonated user.

django-hijack remembers the staff in Django's session and signs them in again without a second
factor. Here the impersonation is a `UserSession` that refers to the staff's own: it expires, ends
with that session or with the staff's rights, can be ended from elsewhere, and the API knows it.
"""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from hijack.views import AcquireUserView, ReleaseUserView

from app.accounts import service, sessions
from app.accounts.models import User
from app.core import context

PERMISSION = "accounts.impersonate_user"
# In Django's session during an impersonation: id and second factor of the staff's UserSession.
_STAFF_SESSION = "staff_session"


def can_impersonate(*, hijacker: User, hijacked: User) -> bool:
    """Return whether staff may impersonate a user: never other staff, nor who cannot sign in."""
    return (
        hijacker.is_staff
        and hijacker.has_perm(PERMISSION)
        and service.can_sign_in(hijacked)
        and not (hijacked.is_staff or hijacked.is_superuser)
    )


class _Start(sessions.Login):
    """Opens the session of the impersonated user."""

    def __init__(self, staff: User, staff_session_id: UUID) -> None:
        super().__init__()
        self.staff = staff
        self.staff_session_id = staff_session_id

    def open(self, request: HttpRequest, user: User) -> UUID:
        return service.start_impersonation(
            user.pk,
            staff_id=self.staff.pk,
            staff_email=self.staff.email,
            staff_session_id=self.staff_session_id,
            cookie=sessions.key(request.session),
        )


class _Return(sessions.Login):
    """Returns to the staff's own session, under the browser's new cookie."""

    def __init__(self, session_id: UUID, *, second_factor: bool) -> None:
        super().__init__(second_factor=second_factor)
        self.session_id = session_id

    def open(self, request: HttpRequest, user: User) -> UUID:
        service.rekey_session(self.session_id, cookie=sessions.key(request.session))
        return self.session_id


class StartImpersonation(AcquireUserView):  # type: ignore[misc]  # django-hijack has no types
    success_url = reverse_lazy("admin:accounts_user_impersonation")

    def get_object(self, queryset: Any = None) -> User:
        try:
            found: User = super().get_object(queryset)
        except ValidationError as error:  # not a UUID
            raise Http404 from error
        return found

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        session_id = sessions.principal(request).session_id
        assert isinstance(request.user, User)  # noqa: S101 - for mypy: the admin requires a signed-in user
        kept = [str(session_id), sessions.has_second_factor(request.session)]
        request.opens_session = _Start(request.user, session_id)  # type: ignore[attr-defined]  # our attribute
        response: HttpResponse = super().post(request, *args, **kwargs)
        request.session[_STAFF_SESSION] = kept
        return response


class StopImpersonation(ReleaseUserView):  # type: ignore[misc]  # django-hijack has no types
    success_url = reverse_lazy("admin:accounts_user_changelist")

    def test_func(self) -> bool:
        # Django's session may still name the staff when the UserSession is no impersonation.
        return context.current().impersonated_by is not None and super().test_func()

    def handle_no_permission(self) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:index"))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        session_id, second_factor = request.session[_STAFF_SESSION]
        user = sessions.principal(request)
        service.end_session(user_id=user.id, session_id=user.session_id)
        request.opens_session = _Return(UUID(session_id), second_factor=second_factor)  # type: ignore[attr-defined]  # our attribute
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response
