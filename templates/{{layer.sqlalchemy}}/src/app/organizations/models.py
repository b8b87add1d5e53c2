"""Organizations (the tenants), memberships and invitations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base, Identified, TenantOwned, Timestamped
from app.core.security.roles import Role

_ROLES = ", ".join(f"'{role}'" for role in Role)


class Organization(Identified, Timestamped, Base):
    """A tenant. Its policy compares `id`; those of other tables compare `organization_id`."""

    __tablename__ = "organizations"

    name: Mapped[str] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(server_default="1")


class Membership(Base):
    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint(f"role IN ({_ROLES})", name="role"),
        Index(None, "organization_id", "created_at", "user_id"),
    )

    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[Role] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Invitation(TenantOwned, Base):
    """An open invitation. Its token is derived from `id`; accepting or revoking deletes the row."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint(f"role IN ({_ROLES})", name="role"),
        Index(None, "organization_id", "email", unique=True),
    )

    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[Role] = mapped_column(String(20))
    invited_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime] = mapped_column(index=True)
