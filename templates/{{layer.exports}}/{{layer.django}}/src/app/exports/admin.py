from typing import Any

from django.contrib import admin

from app.core.admin_site import ReadOnlyAdmin
from app.exports.models import Export


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin[Export]):
    list_display = ("id", "organization", "format", "status", "created_at", "finished_at")
    list_filter = ("status", "format")
    list_select_related = ("organization",)
    search_fields = ("id", "organization__name")
    autocomplete_fields = ("organization",)
    date_hierarchy = "created_at"
    exclude = ("content",)

    def get_queryset(self, request: Any) -> Any:
        # Not `content`, which can be large.
        exports = super().get_queryset(request).select_related("organization", "requested_by")
        return exports.defer("content")
