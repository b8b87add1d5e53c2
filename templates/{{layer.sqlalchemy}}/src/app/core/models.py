"""The declarative base, and the two tables of no domain: outbox and idempotency keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, MetaData, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.core.ids import uuid7

# Names that migrations can rely on: PostgreSQL's own differ by how a constraint was made.
NAMING_CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}


class Base(DeclarativeBase):
    """Every model's base: UTC timestamps, JSON objects as JSONB, named constraints."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy, never changed
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: JSONB,
    }


class Identified:
    """A UUIDv7 primary key: made by the service, ordered by time, good for B-trees."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)


class Timestamped:
    """When a row was made and last changed, by the database's clock."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(), onupdate=func.clock_timestamp()
    )


class OutboxEntry(Identified, Base):
    """A job that must run: written in the transaction that caused it, gone only when done.

    Its organization, if any, is inside `context`: the worker reads the table across tenants, so
    it is not a tenant's own and has no row-level security.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "outbox_due_idx",
            "available_at",
            postgresql_where="done_at IS NULL AND dead_lettered_at IS NULL",
        ),
        Index("outbox_done_idx", "done_at", postgresql_where="done_at IS NOT NULL"),
    )

    job: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[dict[str, Any]]
    context: Mapped[dict[str, Any]]
    # A scheduled job's name and tick: two schedulers cannot enqueue one tick twice.
    schedule_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    available_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    dispatched_at: Mapped[datetime | None]
    dispatches: Mapped[int] = mapped_column(server_default="0")
    started_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    done_at: Mapped[datetime | None]
    dead_lettered_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class IdempotencyKey(Identified, Base):
    """A claimed `Idempotency-Key` and, once the request is done, its encrypted answer."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("caller", "route", "key"),
        Index(None, "expires_at"),
    )

    caller: Mapped[str] = mapped_column(String(100))
    route: Mapped[str] = mapped_column(String(300))
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[bytes]
    # Changes with every claim, so that a request that lost its claim cannot store its answer.
    claim: Mapped[UUID]
    claimed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime]
    status: Mapped[int | None]
    answer: Mapped[bytes | None]
