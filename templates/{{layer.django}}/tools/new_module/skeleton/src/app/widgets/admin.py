from typing import Any

from django.contrib import admin

from app.core.admin_site import AuditedAdmin
from app.widgets.models import Widget


@admin.register(Widget)
class WidgetAdmin(AuditedAdmin[Widget]):
    list_display = ("name", "organization", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("organization",)
    search_fields = ("name", "id", "organization__name")
    autocomplete_fields = ("organization",)
    date_hierarchy = "created_at"
    readonly_fields = ("id", "version", "created_at", "updated_at")

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("organization")

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        # A widget cannot be moved to another organization.
        return (*self.readonly_fields, "organization") if obj else self.readonly_fields
