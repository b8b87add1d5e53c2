"""Exports: the sample of a background job."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base, TenantOwned


class Export(TenantOwned, Base):
    """`content` is gzip, loaded only for the download.

    "running" is never stored, since the job commits once: it is derived from the outbox row.
    """

    __tablename__ = "exports"
    __table_args__ = (
        CheckConstraint("format IN ('csv', 'json')", name="format"),
        CheckConstraint("status IN ('queued', 'succeeded', 'failed')", name="status"),
    )

    format: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(20), server_default="queued")
    failure: Mapped[str | None] = mapped_column(String(20))
    # Not a foreign key: the outbox deletes rows of jobs that are done.
    job_id: Mapped[UUID]
    requested_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    content: Mapped[bytes | None] = mapped_column(deferred=True, deferred_raiseload=True)
