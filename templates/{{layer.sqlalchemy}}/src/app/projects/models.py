"""Projects: the sample resource."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base, TenantOwned, Timestamped


class Project(TenantOwned, Timestamped, Base):
    """`name_key` is the case-folded name: unique in the organization, and used to sort by name."""

    __tablename__ = "projects"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'archived')", name="status"),
        Index(None, "organization_id", "name_key", unique=True),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "organization_id", "status", "created_at", "id"),
    )

    name: Mapped[str] = mapped_column(String(120))
    # Folding can lengthen a text: one ligature may become as many as 18 letters.
    name_key: Mapped[str]
    description: Mapped[str] = mapped_column(String(2000), server_default="")
    status: Mapped[str] = mapped_column(String(20), server_default="active")
    created_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    version: Mapped[int] = mapped_column(server_default="1")
