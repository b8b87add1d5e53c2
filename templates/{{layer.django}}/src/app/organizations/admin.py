"""The admin screens of organizations."""

from typing import Any

from django import forms
from django.contrib import admin

from app.core.admin_site import AuditedAdmin, ReadOnlyAdmin
from app.organizations.models import Invitation, Membership, Organization


class AtLeastOneOwner(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # of a mixin of stubs
    """Refuses to leave an organization without an owner."""

    def clean(self) -> None:
        """Count the owners that stay."""
        super().clean()
        kept = [form.cleaned_data for form in self.forms if not form.cleaned_data.get("DELETE")]
        if not any(data.get("role") == "owner" for data in kept):
            raise forms.ValidationError("An organization must keep at least one owner.")


class MembershipInline(admin.TabularInline[Membership, Organization]):
    """The members, with the organization. Who it is stays; a choice in each row would cost one."""

    model = Membership
    formset = AtLeastOneOwner
    fields = ("user", "role", "created_at")
    readonly_fields = ("user", "created_at")
    extra = 0

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        """Members are added below."""
        return False

    def get_queryset(self, request: Any) -> Any:
        """Load the users with them."""
        return super().get_queryset(request).select_related("user")


class NewMembershipInline(admin.TabularInline[Membership, Organization]):
    """Members to be."""

    model = Membership
    verbose_name_plural = "new members"
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    extra = 1

    def get_queryset(self, request: Any) -> Any:
        """Show none that is there already."""
        return super().get_queryset(request).none()


class FirstMembershipInline(NewMembershipInline):
    """The members of a new organization."""

    verbose_name_plural = "members"
    formset = AtLeastOneOwner


class InvitationInline(admin.TabularInline[Invitation, Organization]):
    """The open invitations, with the organization. Only the API invites: it sends the mail."""

    model = Invitation
    fields = readonly_fields = ("email", "role", "created_at", "expires_at")
    extra = 0

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        """Nobody adds."""
        return False


@admin.register(Organization)
class OrganizationAdmin(AuditedAdmin[Organization]):
    """Organizations, with their members and invitations."""

    list_display = ("name", "id", "created_at")
    search_fields = ("name", "id")
    date_hierarchy = "created_at"
    readonly_fields = ("id", "version", "created_at", "updated_at")
    inlines = (MembershipInline, NewMembershipInline, InvitationInline)

    def get_inlines(self, request: Any, obj: Any) -> Any:
        """Begin a new organization with its first members."""
        return self.inlines if obj else (FirstMembershipInline,)

    def get_deleted_objects(self, objs: Any, request: Any) -> Any:
        """Name the organizations alone: what is in them is too much to list, and goes with them."""
        names = [f"{organization}, with everything in it" for organization in objs]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []

    def save_model(self, request: Any, obj: Organization, form: Any, change: Any) -> None:
        """Make the ETags of before stale."""
        if change:
            obj.version += 1
        super().save_model(request, obj, form, change)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin[Membership]):
    """Memberships, to be looked up; they are changed with their organization."""

    list_display = ("user", "organization", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__name")
    autocomplete_fields = ("user", "organization")
    date_hierarchy = "created_at"

    def get_queryset(self, request: Any) -> Any:
        """Load user and organization too."""
        return super().get_queryset(request).select_related("user", "organization")


@admin.register(Invitation)
class InvitationAdmin(AuditedAdmin[Invitation]):
    """Open invitations."""

    list_display = ("email", "organization", "role", "created_at", "expires_at")
    list_filter = ("role",)
    list_select_related = ("organization",)
    search_fields = ("email", "organization__name")
    date_hierarchy = "created_at"
    fields = readonly_fields = ("organization", "email", "role", "created_at", "expires_at")

    def has_add_permission(self, request: Any) -> bool:
        """Only the API invites: it sends the mail."""
        return False

    def get_queryset(self, request: Any) -> Any:
        """Load the organization too."""
        return super().get_queryset(request).select_related("organization")
