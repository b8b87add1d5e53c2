"""Reads of the audit log."""

from uuid import UUID

from app.audit.models import AuditEvent
from app.core.db.pagination import read_cursor, sign_cursor


def list_events(
    *, organization_id: UUID, limit: int, cursor: str | None = None, action: str | None = None
) -> tuple[list[AuditEvent], str | None]:
    """List one page of an organization's audit log, newest first."""
    bound_to = {"list": "audit_events", "organization_id": organization_id, "action": action}
    events = AuditEvent.tenant.filter(organization_id=organization_id).order_by("-id")
    if action is not None:
        events = events.filter(action=action)
    if cursor is not None:
        (before,) = read_cursor(cursor, tuple[UUID], bound_to=bound_to)
        events = events.filter(id__lt=before)
    rows = list(events[: limit + 1])
    more = len(rows) > limit
    items = rows[:limit]
    return items, sign_cursor((items[-1].id,), bound_to=bound_to) if more else None
