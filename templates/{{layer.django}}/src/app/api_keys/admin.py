from typing import Any

from django.contrib import admin

from app.api_keys.models import ApiKey
from app.core.admin_site import ReadOnlyAdmin


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin[ApiKey]):
    list_display = ("name", "prefix", "organization", "created_at", "last_used_at", "revoked_at")
    list_filter = ("revoked_at",)
    list_select_related = ("organization",)
    search_fields = ("name", "prefix", "organization__name")
    autocomplete_fields = ("organization",)
    date_hierarchy = "created_at"
    exclude = ("key_hash",)

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("organization", "created_by")
