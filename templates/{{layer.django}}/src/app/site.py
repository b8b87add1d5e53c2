"""The admin's site: who may open it, and where its changes are recorded."""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from app.accounts import admin_login
from app.accounts import service as accounts
from app.audit import service as audit
from app.core import context
from app.core.admin_site import StaffSite
from app.core.context import Actor


class Site(StaffSite):
    """The one site."""

    site_header = site_title = "Administration"
    index_title = "Everything"
    site_url = None  # the service has no page of its own
    login_form = admin_login.LoginForm
    login_template = "staff/login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Admit staff that has proved enough; asked several times, found out once."""
        if not hasattr(request, "may_enter"):
            admitted = super().has_permission(request) and admin_login.may_enter(request)
            request.may_enter = admitted  # type: ignore[attr-defined]  # our attribute
        found: bool = request.may_enter  # type: ignore[attr-defined]  # our attribute
        return found

    def enter(self, request: HttpRequest) -> None:
        """Open the transaction to the staff, and name who works in it."""
        super().enter(request)
        user, current = request.user, context.current()
        current.actor = Actor("user", user.pk, user.get_username())
        current.impersonated_by = user.get_username()

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Ask for credentials; during an impersonation, show how to stop it."""
        if (
            request.method == "GET"
            and request.user.is_authenticated
            and context.current().impersonated_by
        ):
            return HttpResponseRedirect(reverse("admin:accounts_user_impersonation"))
        return super().login(request, extra_context)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Change the password by the rules of the API."""
        return admin_login.PasswordView.as_view(
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)

    def record(self, instance: Model, action: str, changes: dict[str, object]) -> None:
        """Record a change in the log of the organization it was made in.

        What is in no organization is recorded with the user it is about, or else with the staff.
        """
        organization_id: UUID | None = (
            instance.pk
            if instance._meta.label == "organizations.Organization"
            else getattr(instance, "organization_id", None)
        )
        # An organization takes its log along when it goes.
        if organization_id is not None and action != "organization.deleted":
            audit.record(
                organization_id=organization_id,
                action=action,
                target_type=action.partition(".")[0],
                target_id=instance.pk,
                changes=changes,
            )
            return
        actor = context.current().actor
        assert actor is not None  # noqa: S101 - `enter` has named it
        assert actor.id is not None  # noqa: S101 - and it is a user
        of_user = instance._meta.label == "accounts.User"
        accounts.note_staff_change(
            user_id=instance.pk if of_user else actor.id,
            action=action,
            details={"id": str(instance.pk), **changes},
        )
