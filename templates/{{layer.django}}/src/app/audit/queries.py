"""Reads of the audit log."""

from uuid import UUID

from app.audit.models import AuditEvent
from app.core.db.rows import page


def list_events(
    *, organization_id: UUID, limit: int, cursor: str | None = None, action: str | None = None
) -> tuple[list[AuditEvent], str | None]:
    """List one page of an organization's audit log, newest first."""
    events = AuditEvent.tenant.filter(organization_id=organization_id)
    if action is not None:
        events = events.filter(action=action)
    return page(
        events,
        "id",
        limit=limit,
        cursor=cursor,
        bound_to={"list": "audit_events", "organization_id": organization_id, "action": action},
        descending=True,
    )
