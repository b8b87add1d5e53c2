"""The admin screens of operations: jobs and idempotency keys."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from app.core import jobs
from app.core.models import IdempotencyKey, OutboxEntry
from app.core.staff import ReadOnlyAdmin


class StateFilter(admin.SimpleListFilter):
    """How far jobs have come."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the states."""
        return [("open", "open"), ("dead", "dead"), ("done", "done")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Find the jobs of one."""
        match self.value():
            case "open":
                return queryset.filter(done_at=None, dead_at=None)
            case "dead":
                return queryset.filter(dead_at__isnull=False)
            case "done":
                return queryset.filter(done_at__isnull=False)
        return queryset


@admin.register(OutboxEntry)
class OutboxAdmin(ReadOnlyAdmin[OutboxEntry]):
    """The jobs; dead ones can be run again."""

    list_display = ("id", "job", "state", "attempts", "created_at", "available_at", "last_error")
    list_filter = (StateFilter, "job")
    search_fields = ("id", "job")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    show_full_result_count = False
    actions = ("replay",)

    @admin.action(description="Run dead jobs again", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxEntry]) -> None:
        """Give dead jobs all their attempts again."""
        dead = queryset.filter(dead_at__isnull=False).values_list("id", flat=True)
        for job_id in list(dead):
            jobs.replay(job_id)
        self.message_user(request, "What was dead is run again.")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Tell who may."""
        return request.user.has_perm("core.change_outboxentry")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin[IdempotencyKey]):
    """The claimed keys, without their answers."""

    list_display = ("key", "caller", "route", "status", "claimed_at", "expires_at")
    list_filter = ("status",)
    search_fields = ("key", "caller", "route")
    date_hierarchy = "claimed_at"
    exclude = ("answer", "fingerprint", "claim")
    show_full_result_count = False
