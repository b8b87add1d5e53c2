"""The contract of the audit log."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from app.core.schemas import Page, Schema, Timestamp


class AuditActor(Schema):
    """Who did it. `label` is the e-mail address or the key's name as it was then."""

    type: Literal["user", "api_key", "system"]
    id: UUID | None
    label: str


class AuditTarget(Schema):
    """What it was done to."""

    type: str
    id: UUID | None


class AuditEvent(Schema):
    """One thing that was done in an organization."""

    id: UUID
    action: str
    actor: AuditActor
    target: AuditTarget
    changes: dict[str, Any] = Field(description="`[before, after]` of a field, or what it is now")
    ip: str | None
    request_id: str
    created_at: Timestamp


class AuditEventPage(Page[AuditEvent]):
    """One page of a list."""
