"""The table of widgets."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base, TenantOwned, Timestamped


class Widget(TenantOwned, Timestamped, Base):
    __tablename__ = "widgets"

    name: Mapped[str] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(server_default="1")
