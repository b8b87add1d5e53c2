"""Reads of widgets."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.rows import get_or_404, page
from app.widgets.models import Widget


async def get_widget(session: AsyncSession, *, organization_id: UUID, widget_id: UUID) -> Widget:
    """Return a widget, or raise NotFound."""
    query = select(Widget).where(Widget.organization_id == organization_id, Widget.id == widget_id)
    return await get_or_404(session, query, "widget")


async def list_widgets(
    session: AsyncSession, *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[Widget], str | None]:
    """Return a page of widgets, oldest first, and the next cursor."""
    return await page(
        session,
        select(Widget).where(Widget.organization_id == organization_id),
        Widget.id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "widgets", "organization_id": organization_id},
    )
