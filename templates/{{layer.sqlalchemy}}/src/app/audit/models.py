"""The audit log of an organization."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, func
from sqlalchemy.orm import Mapped, composite, mapped_column

from app.core.context import Actor
from app.core.models import Base, TenantOwned


@dataclass(frozen=True, slots=True)
class Target:
    """The object of an event; `id` is None for a type with one object only."""

    type: str
    id: UUID | None


class AuditEvent(TenantOwned, Base):
    """Append-only: the service's database role may insert and read, not change or delete."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "organization_id", "action", "id"),)

    action: Mapped[str] = mapped_column(String(100))
    # Copies, not foreign keys: events are kept when their actor or target is deleted.
    actor_type: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[UUID | None]
    actor_label: Mapped[str] = mapped_column(String(254))
    target_type: Mapped[str] = mapped_column(String(50))
    target_id: Mapped[UUID | None]
    changes: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    ip: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    actor: Mapped[Actor] = composite("actor_type", "actor_id", "actor_label")
    target: Mapped[Target] = composite("target_type", "target_id")
