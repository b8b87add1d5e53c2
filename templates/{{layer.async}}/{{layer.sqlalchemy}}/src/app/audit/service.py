"""Writes the audit log, in the transaction of the audited change."""

from collections.abc import Mapping
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEvent, Target
from app.core import context


async def record(
    session: AsyncSession,
    *,
    organization_id: UUID,
    action: str,
    target_type: str,
    target_id: UUID | None,
    changes: Mapping[str, object] | None = None,
) -> None:
    """Add an event; its actor is the caller of this request, or of the one that enqueued this job.

    `changes` maps each field to `[before, after]` or to its value. No secrets: admins read it.
    """
    current = context.current()
    session.add(
        AuditEvent(
            organization_id=organization_id,
            action=action,
            actor=current.actor or context.SYSTEM,
            target=Target(target_type, target_id),
            changes=to_jsonable_python(changes or {}),
            ip=current.client_ip,
            request_id=current.request_id,
        )
    )
    # Flushed now: the row-level security policy checks it against the current tenant, which
    # changes in a transaction that handles several organizations.
    await session.flush()
