"""API keys: credentials of an organization."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base, TenantOwned


class ApiKey(TenantOwned, Base):
    """Stores the SHA-256 of the key, and in `prefix` eight characters to recognise it by."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("organization_id", "key_hash"),)

    name: Mapped[str] = mapped_column(String(120))
    prefix: Mapped[str] = mapped_column(String(20))
    key_hash: Mapped[bytes]
    scopes: Mapped[list[str]]
    created_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
