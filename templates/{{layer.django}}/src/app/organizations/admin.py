from typing import Any

from django import forms
from django.contrib import admin

from app.core.admin_site import AuditedAdmin, ReadOnlyAdmin, UserTable, show_on_user_page
from app.organizations.models import Invitation, Membership, Organization

show_on_user_page(UserTable("Organizations", Membership, ("organization", "role", "created_at")))


class AtLeastOneOwner(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # generic in django-stubs only, not at run time
    def clean(self) -> None:
        super().clean()
        kept = [form.cleaned_data for form in self.forms if not form.cleaned_data.get("DELETE")]
        if not any(data.get("role") == "owner" for data in kept):
            raise forms.ValidationError("An organization must keep at least one owner.")


class MembershipInline(admin.TabularInline[Membership, Organization]):
    model = Membership
    formset = AtLeastOneOwner
    fields = ("user", "role", "created_at")
    # A choice field in each row would cost a query each.
    readonly_fields = ("user", "created_at")
    extra = 0

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("user")


class NewMembershipInline(admin.TabularInline[Membership, Organization]):
    model = Membership
    verbose_name_plural = "new members"
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    extra = 1

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).none()


class FirstMembershipInline(NewMembershipInline):
    verbose_name_plural = "members"
    formset = AtLeastOneOwner


class InvitationInline(admin.TabularInline[Invitation, Organization]):
    model = Invitation
    fields = readonly_fields = ("email", "role", "created_at", "expires_at")
    extra = 0

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False  # only the API invites: it sends the mail


@admin.register(Organization)
class OrganizationAdmin(AuditedAdmin[Organization]):
    list_display = ("name", "id", "created_at")
    search_fields = ("name", "id")
    date_hierarchy = "created_at"
    readonly_fields = ("id", "version", "created_at", "updated_at")
    inlines = (MembershipInline, NewMembershipInline, InvitationInline)

    def get_inlines(self, request: Any, obj: Any) -> Any:
        return self.inlines if obj else (FirstMembershipInline,)

    def get_deleted_objects(self, objs: Any, request: Any) -> Any:
        # The rows of an organization are too many to list.
        names = [f"{organization}, with everything in it" for organization in objs]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin[Membership]):
    """Read-only: memberships are changed on the page of their organization."""

    list_display = ("user", "organization", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__name")
    autocomplete_fields = ("user", "organization")
    date_hierarchy = "created_at"

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("user", "organization")


@admin.register(Invitation)
class InvitationAdmin(AuditedAdmin[Invitation]):
    list_display = ("email", "organization", "role", "created_at", "expires_at")
    list_filter = ("role",)
    list_select_related = ("organization",)
    search_fields = ("email", "organization__name")
    date_hierarchy = "created_at"
    fields = readonly_fields = ("organization", "email", "role", "created_at", "expires_at")

    def has_add_permission(self, request: Any) -> bool:
        return False  # only the API invites: it sends the mail

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("organization")
