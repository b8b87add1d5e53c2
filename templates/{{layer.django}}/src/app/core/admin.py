"""Admin of jobs, idempotency keys and the admin's own log."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest

from app.core.admin_site import ReadOnlyAdmin
from app.core.jobs import outbox
from app.core.models import IdempotencyKey, OutboxEntry


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "open"), ("dead-letter", "dead letter"), ("done", "done")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "open":
                return queryset.filter(done_at=None, dead_lettered_at=None)
            case "dead-letter":
                return queryset.filter(dead_lettered_at__isnull=False)
            case "done":
                return queryset.filter(done_at__isnull=False)
        return queryset


@admin.register(OutboxEntry)
class OutboxAdmin(ReadOnlyAdmin[OutboxEntry]):
    list_display = ("id", "job", "state", "attempts", "created_at", "available_at", "last_error")
    list_filter = (StateFilter, "job")
    search_fields = ("id", "job")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    actions = ("replay",)

    @admin.action(description="Replay dead letters", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxEntry]) -> None:
        dead_letters = list(queryset.select_for_update().filter(dead_lettered_at__isnull=False))
        for entry in dead_letters:
            outbox.replay(entry.id)
            self.note(entry, "replayed")
        self.message_user(request, f"Replayed dead letters: {len(dead_letters)}.")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("core.change_outboxentry")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin[IdempotencyKey]):
    list_display = ("key", "caller", "route", "status", "claimed_at", "expires_at")
    list_filter = ("status",)
    search_fields = ("key", "caller", "route")
    date_hierarchy = "claimed_at"
    exclude = ("answer", "fingerprint", "claim")


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin[LogEntry]):
    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag")
    list_filter = ("action_flag",)
    list_select_related = ("user", "content_type")
    search_fields = ("user__email", "object_id", "object_repr")
    autocomplete_fields = ("user",)
    date_hierarchy = "action_time"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogEntry]:
        return super().get_queryset(request).select_related("user", "content_type")
