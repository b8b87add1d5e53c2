"""The admin screens of accounts."""

from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from app.accounts import impersonation, queries, service, sessions
from app.accounts.models import (
    EmailToken,
    Identity,
    SecurityEvent,
    User,
    UserSession,
)
from app.core import context
from app.core.admin_site import (
    AuditedAdmin,
    BaseAdminSite,
    ReadOnlyAdmin,
    UserTable,
    show_on_user_page,
)
from app.settings import settings

# allauth's and Django's pages: they edit secrets, or write no audit event. `EmailAddress` stays
# empty (ADR 0007).
admin.site.unregister((EmailAddress, Authenticator, Group))

show_on_user_page(
    UserTable(
        "Sessions", UserSession, ("created_at", "ip", "user_agent", "expires_at", "revoked_at")
    ),
    UserTable("History of the account", SecurityEvent, ("action", "ip", "created_at")),
)

_RIGHTS = ("is_staff", "is_superuser", "groups")


@admin.register(User)
class UserAdmin(AuditedAdmin[User]):
    """Users: staff disables accounts and impersonates users; superusers grant rights.

    Not Django's UserAdmin, which also sets passwords.
    """

    change_form_template = "staff/user.html"
    list_display = ("email", "name", "is_active", "is_staff", "email_verified_at", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name", "id")
    date_hierarchy = "created_at"
    ordering = ("email",)
    readonly_fields = ("id", "email", "email_verified_at", "last_login", "created_at")
    exclude = ("password",)  # from filters as well, see `BaseAdmin`
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "is_active")}),
        ("Staff", {"fields": _RIGHTS}),
        ("Times", {"fields": ("email_verified_at", "last_login", "created_at")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only superusers change the accounts of staff."""
        above = obj is not None and (obj.is_staff or obj.is_superuser)
        mine = request.user.is_superuser or not above
        return mine and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: only the owner deletes an account, after leaving its organizations."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if request.user.is_superuser else (*fixed, *_RIGHTS)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save; disabling an account ends its sessions."""
        if "is_active" in form.changed_data:
            set_active = service.enable_user if obj.is_active else service.disable_user
            set_active(user_id=obj.pk)
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of an impersonation."""
        site = self.admin_site
        assert isinstance(site, BaseAdminSite)  # noqa: S101 - for mypy: `default_site` is one
        own = [
            path(
                "impersonate/",
                site.admin_view(impersonation.StartImpersonation.as_view()),
                name="accounts_user_impersonate",
            ),
            path(
                "impersonation/",
                site.open_view(self.impersonation),
                name="accounts_user_impersonation",
            ),
            path(
                "release/",
                site.open_view(impersonation.StopImpersonation.as_view()),
                name="accounts_user_release",
            ),
        ]
        return own + super().get_urls()

    def impersonation(self, request: HttpRequest) -> HttpResponseBase:
        """Show who impersonates whom, until when, and the button that stops it."""
        user = request.user
        session_id = sessions.session_id(request.session)
        if not user.is_authenticated or session_id is None or not context.current().impersonated_by:
            return HttpResponseRedirect(reverse("admin:index"))
        shown = {
            **self.admin_site.each_context(request),
            "title": "Impersonation",
            "staff": context.current().impersonated_by,
            "until": queries.get_expiry(session_id),
            "app_url": settings.app_url,
        }
        return TemplateResponse(request, "staff/impersonation.html", shown)

    def render_change_form(
        self, request: Any, context: dict[str, Any], *args: Any, **options: Any
    ) -> Any:
        """Show the user's rows, and the button where the impersonation would be allowed."""
        user = options["obj"]  # never None: users are not added here
        site = self.admin_site
        assert isinstance(site, BaseAdminSite)  # noqa: S101 - for mypy: `default_site` is one
        context["user_tables"] = site.user_tables(request, user.pk)
        context["can_impersonate"] = impersonation.can_impersonate(
            hijacker=request.user, hijacked=user
        )
        return super().render_change_form(request, context, *args, **options)


@admin.register(Group)
class GroupAdmin(AuditedAdmin[Group], DjangoGroupAdmin):
    """Groups of staff with the same permissions."""


class OfUserAdmin(ReadOnlyAdmin[Any]):
    """Base of pages for rows that belong to a user."""

    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("user__email", "id")
    autocomplete_fields = ("user",)
    date_hierarchy = "created_at"

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("user")


@admin.register(UserSession)
class UserSessionAdmin(OfUserAdmin):
    """Sessions, without their secrets."""

    list_display = ("id", "user", "ip", "user_agent", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("revoked_at",)
    exclude = ("cookie_hash", "django_session_key")


@admin.register(EmailToken)
class EmailTokenAdmin(OfUserAdmin):
    """Links that were mailed; the tokens cannot be derived from here."""

    list_display = ("id", "user", "purpose", "created_at", "expires_at", "used_at")
    list_filter = ("purpose",)
    exclude = ("password_hash",)


@admin.register(Identity)
class IdentityAdmin(OfUserAdmin):
    """Accounts at identity providers."""

    list_display = ("subject", "issuer", "user", "created_at")
    list_filter = ("issuer",)
    search_fields = ("user__email", "subject")


@admin.register(SecurityEvent)
class SecurityEventAdmin(OfUserAdmin):
    """The history of accounts."""

    list_display = ("action", "user", "ip", "created_at")
    list_filter = ("action",)
    search_fields = ("user__email", "action", "request_id")


@admin.register(Authenticator)
class AuthenticatorAdmin(OfUserAdmin):
    """Second factors and passkeys, without their secrets."""

    list_display = ("id", "user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    exclude = ("data",)
