from typing import Any

from django.contrib import admin

from app.audit.models import AuditEvent
from app.core.admin_site import ReadOnlyAdmin, UserTable, show_on_user_page

show_on_user_page(
    UserTable(
        "Changes in organizations",
        AuditEvent,
        ("action", "organization", "target_type", "created_at"),
        user_field="actor_id",
    )
)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    list_display = ("action", "actor_label", "organization", "target_type", "ip", "created_at")
    list_filter = ("actor_type", "target_type")
    list_select_related = ("organization",)
    search_fields = ("action", "actor_label", "organization__name", "request_id")
    autocomplete_fields = ("organization",)
    date_hierarchy = "created_at"

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("organization")
