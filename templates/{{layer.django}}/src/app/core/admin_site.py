"""Base classes of the admin: each view is one unit of work, and changes are audited."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import display_for_field, label_for_field, lookup_field
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work

type View = Callable[..., HttpResponseBase]


def in_unit_of_work(view: View) -> View:
    """Run a view, and render its template, in one unit of work."""

    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            with unit_of_work():
                response = view(request, *args, **kwargs)
                if isinstance(response, SimpleTemplateResponse):
                    # A template rendered later would query outside of the transaction.
                    response.render()
                return response
        # The handlers of `app.config.urls` answer JSON; the admin needs a page.
        except PermissionDenied:
            return _refused(request, "Your account may not do this.", status=403)
        except DataError:
            # For example a NUL character in a filter of the query string.
            return _refused(request, "This cannot be looked for.", status=400)

    return wrapped


def _refused(request: HttpRequest, reason: str, *, status: int) -> HttpResponse:
    context = {
        "title": "Refused",
        "reason": reason,
        "site_header": admin.site.site_header,
        "site_title": admin.site.site_title,
    }
    return render(request, "staff/refused.html", context, status=status)


# Rows of each table on the page of a user.
NEWEST = 20


@dataclass(frozen=True, slots=True)
class UserTable:
    """A read-only table of the newest rows of a user, shown on the user's page.

    A foreign key links to its object; otherwise the first column links to the row.
    """

    title: str
    model: type[Model]
    columns: tuple[str, ...]
    user_field: str = "user"


_user_tables: list[UserTable] = []


def show_on_user_page(*tables: UserTable) -> None:
    """Add tables of a module: accounts, which shows them, imports no other module."""
    _user_tables.extend(tables)


class BaseAdminSite(admin.AdminSite):
    """Runs every view in one unit of work, open to all organizations."""

    def user_tables(self, request: HttpRequest, user_id: UUID) -> list[dict[str, Any]]:
        """Return the tables that the request may view, with one statement for each."""
        shown = []
        for table in _user_tables:
            options = self.get_model_admin(table.model)
            if not options.has_view_permission(request):
                continue
            rows = options.get_queryset(request).filter(**{table.user_field: user_id})
            page = f"admin:{options.opts.app_label}_{options.opts.model_name}"
            shown.append(
                {
                    "title": table.title,
                    "labels": [label_for_field(name, table.model) for name in table.columns],
                    "rows": [_cells(row, table, options) for row in rows.order_by("-pk")[:NEWEST]],
                    "all": f"{reverse(f'{page}_changelist')}?{table.user_field}__exact={user_id}",
                }
            )
        return shown

    def admin_view[V: Callable[..., Any]](self, view: V, cacheable: bool = False) -> V:
        inner = super().admin_view(view, cacheable)

        def entering(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if self.has_permission(request):
                self.enter(request)
            response: HttpResponse = inner(request, *args, **kwargs)
            return response

        return cast(V, in_unit_of_work(entering))

    def open_view(self, view: View) -> View:
        """Wrap a view that checks permissions itself."""
        return in_unit_of_work(csrf_protect(never_cache(view)))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return in_unit_of_work(super().login)(request, extra_context)

    def enter(self, request: HttpRequest) -> None:
        tenancy.enter_staff()

    def record(self, instance: Model, action: str, changes: dict[str, object]) -> None:
        """Record a change in the audit log; `app.config.admin_site` implements it."""


def _cells(row: Model, table: UserTable, options: admin.ModelAdmin[Any]) -> list[dict[str, Any]]:
    cells = []
    for number, name in enumerate(table.columns):
        field, _, value = lookup_field(name, row, options)
        assert field is not None  # noqa: S101 - for mypy: the columns are fields
        target = value if field.is_relation else row if number == 0 else None
        cells.append(
            {
                "text": display_for_field(value, field, options.get_empty_value_display()),
                "url": target and _change_url(target),
            }
        )
    return cells


def _change_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


class BaseAdmin[M: Model](admin.ModelAdmin[M]):
    # Counting a large table takes longer than reading one page of it.
    show_full_result_count = False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # A hidden column must not be filtered by either: `startswith` would reveal it by letters.
        hidden = lookup.partition("__")[0] in (self.exclude or ())
        return not hidden and super().lookup_allowed(lookup, value, request)

    def note(self, instance: Model, verb: str, **changes: object) -> None:
        name = str(instance._meta.verbose_name).lower().replace(" ", "_")
        site = self.admin_site
        assert isinstance(site, BaseAdminSite)  # noqa: S101 - for mypy: `default_site` is one
        site.record(instance, f"{name}.{verb}", changes)


class AuditedAdmin[M: Model](BaseAdmin[M]):
    """Records every change in the audit log."""

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> M | None:
        # Lock the row that a form is about to change, as the services do: two requests must not
        # both remove the last owner.
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST":
            return found
        rows = self.get_queryset(request).select_for_update(of=("self",))
        return rows.filter(pk=found.pk).first()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and hasattr(obj, "version"):
            obj.version += 1  # the API's ETag
        super().save_model(request, obj, form, change)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        # Field names only, as in Django's own log: values may be secret.
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
        for instance in queryset:
            self.note(instance, "deleted")
        return super().log_deletions(request, queryset)


class ReadOnlyAdmin[M: Model](BaseAdmin[M]):
    """For tables that only the service writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
