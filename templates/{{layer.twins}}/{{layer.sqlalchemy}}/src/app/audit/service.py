"""The one way into the audit log: called by the use cases, in the transaction of what they do."""

from collections.abc import Mapping
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent, Target
from app.core import context
from app.core.context import Actor

SYSTEM = Actor("system", None, "system")


def record(
    session: Session,
    *,
    organization_id: UUID,
    action: str,
    target_type: str,
    target_id: UUID | None,
    changes: Mapping[str, object] | None = None,
) -> None:
    """Record what the caller of this request, or of the request that caused this job, has done.

    `changes` has `[before, after]` of each field, or what it is now. No secrets: admins read it.
    """
    current = context.current()
    session.add(
        AuditEvent(
            organization_id=organization_id,
            action=action,
            actor=current.actor or SYSTEM,
            target=Target(target_type, target_id),
            changes=to_jsonable_python(changes or {}),
            ip=current.client_ip,
            request_id=current.request_id,
        )
    )
    # At once: a transaction that visits several organizations has this one open only now.
    session.flush()
