"""Support staff acts as a user: django-hijack's views, with sessions that are ours.

django-hijack keeps who acts in Django's session, and at the end signs that account in again. Here
a row of `sessions` says it. So it ends in time, with the staff's own session or right, and from
elsewhere; the API knows it too; and staff returns to the session that it has proved itself in.
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

PERMISSION = "accounts.act_as_user"
# In Django's session of who acts: the staff's own, and how it was opened.
_STAFF_SESSION = "staff_session"


def may_act(*, hijacker: User, hijacked: User) -> bool:
    """Tell whether staff may act as a user: never as other staff, nor where the user cannot."""
    return (
        hijacker.is_staff
        and hijacker.has_perm(PERMISSION)
        and service.can_sign_in(hijacked)
        and not (hijacked.is_staff or hijacked.is_superuser)
    )


class _Begin(sessions.Login):
    """Opens the session in which staff acts."""

    def __init__(self, staff: User, staff_session_id: UUID) -> None:
        super().__init__()
        self.staff = staff
        self.staff_session_id = staff_session_id

    def open(self, request: HttpRequest, user: User) -> UUID:
        """Open it."""
        return service.begin_acting(
            user.pk,
            staff_id=self.staff.pk,
            staff_email=self.staff.email,
            staff_session_id=self.staff_session_id,
            cookie=sessions.key(request.session),
        )


class _Return(sessions.Login):
    """Goes back to the session that the staff has had all the while."""

    def __init__(self, session_id: UUID, *, second_factor: bool) -> None:
        super().__init__(second_factor=second_factor)
        self.session_id = session_id

    def open(self, request: HttpRequest, user: User) -> UUID:
        """Give it the browser's new cookie."""
        service.rekey_session(self.session_id, cookie=sessions.key(request.session))
        return self.session_id


class Act(AcquireUserView):  # type: ignore[misc]  # it has no types
    """Begin."""

    success_url = reverse_lazy("admin:accounts_user_acting")

    def get_object(self, queryset: Any = None) -> User:
        """Find the user."""
        try:
            found: User = super().get_object(queryset)
        except ValidationError as error:
            raise Http404 from error
        return found

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Change over."""
        session_id = sessions.principal(request).session_id
        assert isinstance(request.user, User)  # noqa: S101 - staff is signed in
        kept = [str(session_id), sessions.has_second_factor(request.session)]
        request.opens_session = _Begin(request.user, session_id)  # type: ignore[attr-defined]  # our attribute
        response: HttpResponse = super().post(request, *args, **kwargs)
        request.session[_STAFF_SESSION] = kept
        return response


class Release(ReleaseUserView):  # type: ignore[misc]  # it has no types
    """End it, and go back."""

    success_url = reverse_lazy("admin:accounts_user_changelist")

    def test_func(self) -> bool:
        """Ask the row: Django's session may have outlived what it remembers of the staff."""
        return context.current().impersonated_by is not None and super().test_func()

    def handle_no_permission(self) -> HttpResponse:
        """Show the way to whoever acts no longer: the hour was over, say."""
        return HttpResponseRedirect(reverse("admin:index"))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Change back: the session that acts lives, so the staff's own does."""
        session_id, second_factor = request.session[_STAFF_SESSION]
        acting_id = sessions.principal(request).session_id
        assert request.user.pk is not None  # noqa: S101 - somebody acts
        service.end_session(user_id=request.user.pk, session_id=acting_id)
        request.opens_session = _Return(UUID(session_id), second_factor=second_factor)  # type: ignore[attr-defined]  # our attribute
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response
