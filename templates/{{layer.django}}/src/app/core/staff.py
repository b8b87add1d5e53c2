"""What admin screens have in common: one transaction, open to every organization, and audited."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from app.core import database, tenancy


class StaffSite(admin.AdminSite):
    """Runs every screen in one unit of work."""

    def admin_view[View: Callable[..., Any]](self, view: View, cacheable: bool = False) -> View:
        """Wrap a screen."""
        inner = super().admin_view(view, cacheable)

        def in_unit_of_work(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            with database.unit_of_work():
                if self.has_permission(request):
                    self.enter(request)
                response: HttpResponse = inner(request, *args, **kwargs)
                if callable(render := getattr(response, "render", None)):
                    # Now: a template that is filled in later would find the transaction closed.
                    response = render()
                return response

        return cast(View, in_unit_of_work)

    def enter(self, request: HttpRequest) -> None:
        """Open the transaction to the staff."""
        tenancy.enter_staff()

    def record(self, instance: Model, action: str, changes: dict[str, object]) -> None:
        """Record a change where the people it concerns see it; the composition root says how."""


class AuditedAdmin[M: Model](admin.ModelAdmin[M]):
    """Tells the site of every change."""

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        """Note what has changed: the field names, as Django does, and never the values."""
        instance = form.instance
        self._record(instance, "created" if add else "updated", {"fields": form.changed_data})
        for formset in formsets or ():
            for kind, found in (
                ("created", formset.new_objects),
                ("updated", [item for item, _ in formset.changed_objects]),
                ("deleted", formset.deleted_objects),
            ):
                for item in found:
                    self._record(item, kind, {})
        return super().construct_change_message(request, form, formsets, add)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[M]) -> Any:
        """Note what is deleted."""
        for instance in queryset:
            self._record(instance, "deleted", {})
        return super().log_deletions(request, queryset)

    def _record(self, instance: Model, verb: str, changes: dict[str, object]) -> None:
        name = str(instance._meta.verbose_name).lower().replace(" ", "_")
        site = self.admin_site
        assert isinstance(site, StaffSite)  # noqa: S101 - there is one site
        site.record(instance, f"{name}.{verb}", {"by_staff": True, **changes})


class ReadOnlyAdmin[M: Model](admin.ModelAdmin[M]):
    """Shows what only the service writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False
