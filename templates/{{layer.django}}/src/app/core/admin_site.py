"""What admin screens have in common: one transaction, open to every organization, and audited."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work

type View = Callable[..., HttpResponseBase]


def in_unit_of_work(view: View) -> View:
    """Run a screen in one unit of work, and fill in its template there."""

    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            with unit_of_work():
                response = view(request, *args, **kwargs)
                if isinstance(response, SimpleTemplateResponse):
                    # Now: a template that is filled in later would find the transaction closed.
                    response.render()
                return response
        # Django's handlers answer programs; this is for a person.
        except PermissionDenied:
            return _refused(request, "Your account may not do this.", status=403)
        except DataError:
            # Such as a NUL among the filters of an address.
            return _refused(request, "This cannot be looked for.", status=400)

    return wrapped


def _refused(request: HttpRequest, reason: str, *, status: int) -> HttpResponse:
    context = {"title": "Refused", "reason": reason}
    return render(request, "staff/refused.html", context, status=status)


class BaseAdminSite(admin.AdminSite):
    """Runs every screen in one unit of work."""

    def admin_view[V: Callable[..., Any]](self, view: V, cacheable: bool = False) -> V:
        """Wrap a screen of the staff's."""
        inner = super().admin_view(view, cacheable)

        def entering(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if self.has_permission(request):
                self.enter(request)
            response: HttpResponse = inner(request, *args, **kwargs)
            return response

        return cast(V, in_unit_of_work(entering))

    def open_view(self, view: View) -> View:
        """Wrap a screen that asks by itself who may see it."""
        return in_unit_of_work(csrf_protect(never_cache(view)))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Ask who it is."""
        return in_unit_of_work(super().login)(request, extra_context)

    def enter(self, request: HttpRequest) -> None:
        """Open the transaction to the staff."""
        tenancy.enter_staff()

    def record(self, instance: Model, action: str, changes: dict[str, object]) -> None:
        """Record a change where the people it concerns see it; the composition root says how."""


class StaffAdmin[M: Model](admin.ModelAdmin[M]):
    """What all screens have in common."""

    # Counting a large table takes longer than showing a page of it.
    show_full_result_count = False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse to filter by what is not shown: letter by letter, that would tell it."""
        hidden = lookup.partition("__")[0] in (self.exclude or ())
        return not hidden and super().lookup_allowed(lookup, value, request)

    def note(self, instance: Model, verb: str, **changes: object) -> None:
        """Tell the site what was done."""
        name = str(instance._meta.verbose_name).lower().replace(" ", "_")
        site = self.admin_site
        assert isinstance(site, BaseAdminSite)  # noqa: S101 - there is one site
        site.record(instance, f"{name}.{verb}", changes)


class AuditedAdmin[M: Model](StaffAdmin[M]):
    """Tells the site of every change."""

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> M | None:
        """Hold what a form is about to change, as the services do, which count owners then."""
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST":
            return found
        rows = self.get_queryset(request).select_for_update(of=("self",))
        return rows.filter(pk=found.pk).first()

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        """Note what has changed: the field names, as Django does, and never the values."""
        instance = form.instance
        self.note(instance, "created" if add else "updated", fields=form.changed_data)
        for formset in formsets or ():
            for kind, found in (
                ("created", formset.new_objects),
                ("updated", [item for item, _ in formset.changed_objects]),
                ("deleted", formset.deleted_objects),
            ):
                for item in found:
                    self.note(item, kind)
        return super().construct_change_message(request, form, formsets, add)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[M]) -> Any:
        """Note what is deleted."""
        for instance in queryset:
            self.note(instance, "deleted")
        return super().log_deletions(request, queryset)


class ReadOnlyAdmin[M: Model](StaffAdmin[M]):
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
