"""Reads of the audit log."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEvent
from app.core.db.rows import page


async def list_events(
    session: AsyncSession,
    *,
    organization_id: UUID,
    limit: int,
    cursor: str | None = None,
    action: str | None = None,
) -> tuple[list[AuditEvent], str | None]:
    """Return a page of the audit log, newest first, and the next cursor."""
    query = select(AuditEvent).where(AuditEvent.organization_id == organization_id)
    if action is not None:
        query = query.where(AuditEvent.action == action)
    return await page(
        session,
        query,
        AuditEvent.id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "audit_events", "organization_id": organization_id, "action": action},
        descending=True,
    )
