"""Reads of widgets."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db.rows import get_or_404, page
from app.widgets.models import Widget


def get_widget(session: Session, *, organization_id: UUID, widget_id: UUID) -> Widget:
    """Return a widget, or raise NotFound."""
    query = select(Widget).where(Widget.organization_id == organization_id, Widget.id == widget_id)
    return get_or_404(session, query, "widget")


def list_widgets(
    session: Session, *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[Widget], str | None]:
    """Return a page of widgets, oldest first, and the next cursor."""
    return page(
        session,
        select(Widget).where(Widget.organization_id == organization_id),
        Widget.id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "widgets", "organization_id": organization_id},
    )
