"""Sign-in to the admin, and its change of the password, by the rules of the API."""

from typing import Any
from uuid import UUID

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from app.accounts import service, sessions
from app.accounts.models import User
from app.core.errors import AppError, Invalid
from app.core.schemas import normalise_email
from app.settings import settings


def may_enter(request: HttpRequest) -> bool:
    """Return whether the session of a staff user may open the admin: in production, with MFA."""
    if sessions.has_second_factor(request.session):
        return True
    user = request.user
    assert user.is_authenticated  # noqa: S101 - for mypy: `is_staff` was checked
    return settings.environment != "production" and not is_mfa_enabled(user)


def may_set_up(request: HttpRequest) -> bool:
    """Return whether the session of a staff user may set up a second factor.

    The password alone is not enough when there is one: an attacker could add another.
    """
    user = request.user
    assert user.is_authenticated  # noqa: S101 - for mypy: `is_staff` was checked
    return sessions.has_second_factor(request.session) or not is_mfa_enabled(user)


class _Login(sessions.Login):
    """Counts as reauthentication: the second factor can be set up without the password again."""

    def open(self, request: HttpRequest, user: User) -> UUID:
        session_id = super().open(request, user)
        reauthenticate_by_password(request)
        return session_id


class LoginForm(AdminAuthenticationForm):
    """Password and second factor at once."""

    request: Any
    code = forms.CharField(
        label="Code",
        required=False,
        max_length=64,
        help_text="From the authenticator app, or a recovery code, if a second factor is set up.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        if "username" in data and "password" in data:
            try:
                self.user_cache = self._check(data["username"], data["password"], data["code"])
            except AppError as error:
                raise forms.ValidationError(error.detail) from error
        return data

    def _check(self, email: str, password: str, code: str) -> User:
        user = service.check_password(email=normalise_email(email), password=password)
        self.confirm_login_allowed(user)
        second_factor = is_mfa_enabled(user)
        if second_factor:
            if not code:
                raise forms.ValidationError({"code": "Enter the code."})
            service.accept_code(user, code)
        self.request.opens_session = _Login(second_factor=second_factor)
        return service.confirm_sign_in(user.pk, fingerprint=service.password_fingerprint(user))


class PasswordForm(AdminPasswordChangeForm):
    """The old and the new password, both checked by the service."""

    def clean_old_password(self) -> str:
        return str(self.cleaned_data["old_password"])

    def validate_password_for_user(self, *_: Any, **__: Any) -> None:
        """Do nothing: the service checks it."""


class PasswordView(PasswordChangeView):
    """Changes the password, ends the other sessions and notifies the user."""

    form_class = PasswordForm

    def form_valid(self, form: Any) -> HttpResponse:
        request = self.request
        try:
            account = service.change_password(
                user=sessions.principal(request),
                current_password=form.cleaned_data["old_password"],
                new_password=form.cleaned_data["new_password1"],
            )
        except AppError as error:
            wrong = isinstance(error, Invalid) and error.errors[0].pointer == "/current_password"
            form.add_error("old_password" if wrong else "new_password1", error.detail)
            return self.form_invalid(form)
        sessions.keep(request, account)
        return HttpResponseRedirect(self.get_success_url())
