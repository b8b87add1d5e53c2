"""Reads of widgets."""

from uuid import UUID

from app.core.db.rows import get_or_404, page
from app.widgets.models import Widget


def get_widget(*, organization_id: UUID, widget_id: UUID) -> Widget:
    """Load a widget, or raise NotFound."""
    rows = Widget.tenant.filter(organization_id=organization_id, id=widget_id)
    return get_or_404(rows, "widget")


def list_widgets(
    *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[Widget], str | None]:
    """Return a page of widgets, oldest first, and the next cursor."""
    return page(
        Widget.tenant.filter(organization_id=organization_id),
        "id",
        limit=limit,
        cursor=cursor,
        bound_to={"list": "widgets", "organization_id": organization_id},
    )
