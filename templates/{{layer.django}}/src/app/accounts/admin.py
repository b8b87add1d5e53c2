"""The admin screens of accounts."""

from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin

from app.accounts.models import (
    EmailToken,
    Identity,
    RefreshToken,
    SecurityEvent,
    User,
    UserSession,
)
from app.core.staff import ReadOnlyAdmin

# allauth's own screens: the one is of a model that is not used, the other lets secrets be edited.
admin.site.unregister((EmailAddress, Authenticator))


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Users: staff shuts accounts and says who is staff; passwords are their owners'."""

    list_display = ("email", "name", "is_active", "is_staff", "email_verified_at", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name", "id")
    date_hierarchy = "created_at"
    ordering = ("email",)
    readonly_fields = ("id", "email", "email_verified_at", "last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "is_active")}),
        ("Staff", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Times", {"fields": ("email_verified_at", "last_login", "created_at")}),
    )
    show_full_result_count = False

    def has_add_permission(self, request: Any) -> bool:
        """Accounts are made by signing up, or by `manage.py createsuperuser`."""
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        """Accounts are deleted by their owners: nobody else may leave organizations for them."""
        return False


class OfUserAdmin(ReadOnlyAdmin[Any]):
    """What belongs to a user."""

    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("user__email", "id")
    autocomplete_fields = ("user",)
    date_hierarchy = "created_at"
    show_full_result_count = False

    def get_queryset(self, request: Any) -> Any:
        """Load the user too."""
        return super().get_queryset(request).select_related("user")


@admin.register(UserSession)
class UserSessionAdmin(OfUserAdmin):
    """Sessions, without what is secret of them."""

    list_display = ("id", "user", "ip", "user_agent", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("revoked_at",)
    exclude = ("cookie_hash", "store_key")


@admin.register(RefreshToken)
class RefreshTokenAdmin(ReadOnlyAdmin[RefreshToken]):
    """Refresh tokens, without what is secret of them."""

    list_display = ("id", "session", "created_at", "used_at")
    list_filter = ("used_at",)
    list_select_related = ("session",)
    search_fields = ("session__user__email", "session__id")
    date_hierarchy = "created_at"
    exclude = ("token_hash",)
    show_full_result_count = False

    def get_queryset(self, request: Any) -> Any:
        """Load the session too."""
        return super().get_queryset(request).select_related("session")


@admin.register(EmailToken)
class EmailTokenAdmin(OfUserAdmin):
    """Links that were mailed; they cannot be read from here."""

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
    """What happened to accounts."""

    list_display = ("action", "user", "ip", "created_at")
    list_filter = ("action",)
    search_fields = ("user__email", "action", "request_id")


@admin.register(Authenticator)
class AuthenticatorAdmin(OfUserAdmin):
    """Second factors and passkeys, without what is secret of them."""

    list_display = ("id", "user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    exclude = ("data",)
