"""Response bodies of the audit log."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from app.core.schemas import Page, Schema, Timestamp


class AuditActor(Schema):
    """Who performed the action. `label` is the e-mail address or the key's name at that time."""

    type: Literal["user", "api_key", "system"]
    id: UUID | None
    label: str


class AuditTarget(Schema):
    """The object of the action."""

    type: str
    id: UUID | None


class AuditEvent(Schema):
    """One audited action in an organization."""

    id: UUID
    action: str
    actor: AuditActor
    target: AuditTarget
    changes: dict[str, Any] = Field(description="`[before, after]` or the value of each field")
    ip: str | None
    request_id: str
    created_at: Timestamp


class AuditEventPage(Page[AuditEvent]):
    """One page of a list."""
