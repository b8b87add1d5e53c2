"""The admin site: access check, and the audit record of each change."""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, reverse

from app import about
from app.accounts import admin_login, admin_second_factor
from app.accounts import service as accounts
from app.audit import service as audit
from app.core import context
from app.core.admin_site import BaseAdminSite
from app.core.context import Actor

# Apps of libraries, and the app in whose section of the index their models are shown.
SECTIONS = {"account": "accounts", "auth": "accounts", "mfa": "accounts", "admin": "core"}


class AdminSite(BaseAdminSite):
    site_header = site_title = about.NAME
    index_title = "Site administration"
    site_url = None  # the service has no home page
    login_form = admin_login.LoginForm
    login_template = "staff/login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        # Django asks several times in a request: the answer is cached on the request.
        if not hasattr(request, "may_enter"):
            admitted = super().has_permission(request) and admin_login.may_enter(request)
            request.may_enter = admitted  # type: ignore[attr-defined]  # our attribute
        found: bool = request.may_enter  # type: ignore[attr-defined]  # our attribute
        return found

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # First: Django's last pattern matches every path.
        return [*admin_second_factor.urls(self), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = {app["app_label"]: app for app in super().get_app_list(request)}
        for library, section in SECTIONS.items():
            if library in apps and section in apps:
                apps[section]["models"] += apps.pop(library)["models"]
                apps[section]["models"].sort(key=lambda model: model["name"])
        if app_label is not None and app_label not in apps:
            app_label = SECTIONS.get(app_label, app_label)
        return [app for app in apps.values() if app_label in {None, app["app_label"]}]

    def enter(self, request: HttpRequest) -> None:
        """Open the transaction to all organizations, and make the staff user its actor."""
        super().enter(request)
        user, current = request.user, context.current()
        current.actor = Actor("user", user.pk, user.get_username())
        current.admin_user = user.get_username()

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method == "GET" and request.user.is_authenticated:
            # Impersonating staff may not open the admin: send them to the page that ends it.
            if context.current().impersonated_by:
                return HttpResponseRedirect(reverse("admin:accounts_user_impersonation"))
            if self._lacks_second_factor(request):
                return HttpResponseRedirect(reverse("admin:second_factor"))
        return super().login(request, extra_context)

    def _lacks_second_factor(self, request: HttpRequest) -> bool:
        is_staff = super().has_permission(request)
        return is_staff and not self.has_permission(request) and admin_login.may_set_up(request)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        return admin_login.PasswordView.as_view(
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)

    def record(self, instance: Model, action: str, changes: dict[str, object]) -> None:
        """Record a change in the audit log of its organization.

        A change outside of organizations is a security event: of the changed user, or else of the
        staff user.
        """
        organization_id: UUID | None = (
            instance.pk
            if instance._meta.label == "organizations.Organization"
            else getattr(instance, "organization_id", None)
        )
        # Deleting an organization deletes its audit log as well.
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
        assert actor is not None  # noqa: S101 - for mypy: `enter` has set it
        assert actor.id is not None  # noqa: S101 - for mypy: `enter` has set a user
        of_user = instance._meta.label == "accounts.User"
        accounts.note_staff_change(
            user_id=instance.pk if of_user else actor.id,
            action=action,
            details={"id": str(instance.pk), **changes},
        )
