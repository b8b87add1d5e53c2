from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget

from app.core.admin_site import AuditedAdmin
from app.projects.models import Project


@admin.register(Project)
class ProjectAdmin(AuditedAdmin[Project]):
    list_display = ("name", "organization", "status", "created_by", "created_at")
    list_filter = ("status",)
    list_select_related = ("organization", "created_by")
    search_fields = ("name", "id", "organization__name")
    autocomplete_fields = ("organization",)
    date_hierarchy = "created_at"
    readonly_fields = ("id", "created_by", "version", "created_at", "updated_at")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        if db_field.name == "description":
            options["widget"] = AdminTextareaWidget
        return super().formfield_for_dbfield(db_field, request, **options)

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("organization", "created_by")

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        # A project cannot be moved to another organization.
        return (*self.readonly_fields, "organization") if obj else self.readonly_fields

    def save_model(self, request: Any, obj: Project, form: Any, change: Any) -> None:
        if not change:
            obj.created_by = request.user
        super().save_model(request, obj, form, change)
