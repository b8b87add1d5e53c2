"""The admin's site: who may open it, and where its changes are recorded."""

from typing import Any
from uuid import UUID

from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.db.models import Model
from django.http import HttpRequest

from app.accounts import service as accounts
from app.audit import service as audit
from app.core import context
from app.core.context import Actor
from app.core.database import unit_of_work
from app.core.errors import AppError
from app.core.schemas import normalise_email
from app.core.staff import StaffSite
from app.settings import settings


class LoginForm(AdminAuthenticationForm):
    """Password and second factor at once, by the rules and limits of every other sign-in."""

    code = forms.CharField(
        label="Code of the authenticator app, or a recovery code",
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def clean(self) -> dict[str, Any]:
        """Find out who it is."""
        data: dict[str, Any] = self.cleaned_data
        if "username" not in data or "password" not in data:
            return data
        try:
            with unit_of_work():
                email = normalise_email(data["username"])
                user = accounts.check_password(email=email, password=data["password"])
                self.confirm_login_allowed(user)
                if is_mfa_enabled(user):
                    accounts.accept_code(user.pk, data["code"])
                elif settings.environment == "production":
                    raise forms.ValidationError("Set up a second factor first, through the API.")
        except AppError as error:
            raise forms.ValidationError(error.detail) from error
        self.user_cache = user
        return data


class Site(StaffSite):
    """The one site."""

    site_header = site_title = "Administration"
    index_title = "Everything"
    login_form = LoginForm
    login_template = "staff/login.html"

    def enter(self, request: HttpRequest) -> None:
        """Open the transaction to the staff, and name who works in it."""
        super().enter(request)
        user = request.user
        context.current().actor = Actor("user", user.pk, user.get_username())

    def record(self, instance: Model, action: str, changes: dict[str, object]) -> None:
        """Record a change in the log of the organization it was made in, if it was in one."""
        organization_id: UUID | None = (
            instance.pk
            if instance._meta.label == "organizations.Organization"
            else getattr(instance, "organization_id", None)
        )
        if organization_id is not None and action != "organization.deleted":
            audit.record(
                organization_id=organization_id,
                action=action,
                target_type=action.partition(".")[0],
                target_id=instance.pk,
                changes=changes,
            )
