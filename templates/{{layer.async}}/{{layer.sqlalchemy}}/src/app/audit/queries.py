"""Reads of the audit log."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEvent
from app.core.db.pagination import read_cursor, sign_cursor


async def list_events(
    session: AsyncSession,
    *,
    organization_id: UUID,
    limit: int,
    cursor: str | None = None,
    action: str | None = None,
) -> tuple[list[AuditEvent], str | None]:
    """Return a page of the audit log, newest first, and the next cursor."""
    bound_to = {"list": "audit_events", "organization_id": organization_id, "action": action}
    query = (
        select(AuditEvent)
        .where(AuditEvent.organization_id == organization_id)
        .order_by(AuditEvent.id.desc())
        .limit(limit + 1)
    )
    if action is not None:
        query = query.where(AuditEvent.action == action)
    if cursor is not None:
        (before,) = read_cursor(cursor, tuple[UUID], bound_to=bound_to)
        query = query.where(AuditEvent.id < before)
    rows = list(await session.scalars(query))
    more = len(rows) > limit
    items = rows[:limit]
    return items, sign_cursor((items[-1].id,), bound_to=bound_to) if more else None
