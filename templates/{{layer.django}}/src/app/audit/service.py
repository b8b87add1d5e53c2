"""Writes the audit log, in the transaction of the audited action."""

from collections.abc import Mapping
from uuid import UUID

from pydantic_core import to_jsonable_python

from app.audit.models import AuditEvent
from app.core import context


def record(
    *,
    organization_id: UUID,
    action: str,
    target_type: str,
    target_id: UUID | None,
    changes: Mapping[str, object] | None = None,
) -> None:
    """Record an action of the caller of this request, or of the request that caused this job.

    `changes` has `[before, after]` of each field, or its value. No secrets: admins read it. For an
    action of staff it also has `admin_user` or `impersonated_by`.
    """
    current = context.current()
    actor = current.actor or context.SYSTEM
    AuditEvent.tenant.create(
        organization_id=organization_id,
        action=action,
        actor_type=actor.type,
        actor_id=actor.id,
        actor_label=actor.label,
        target_type=target_type,
        target_id=target_id,
        changes=to_jsonable_python({**(changes or {}), **current.staff()}),
        ip=current.client_ip,
        request_id=current.request_id,
    )
