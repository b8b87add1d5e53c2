"""Use cases of widgets."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import service as audit
from app.core.db.changes import apply_changes, changed_fields
from app.core.db.rows import lock_or_404
from app.core.ids import uuid7
from app.core.web.preconditions import require_match
from app.widgets import rules
from app.widgets.models import Widget


async def create_widget(session: AsyncSession, *, organization_id: UUID, name: str) -> Widget:
    """Create a widget."""
    widget = Widget(organization_id=organization_id, id=uuid7(), name=name)
    session.add(widget)
    await session.flush()
    await session.refresh(widget)
    await audit.record(
        session,
        organization_id=organization_id,
        action="widget.created",
        target_type="widget",
        target_id=widget.id,
        changes={"name": name},
    )
    return widget


async def update_widget(
    session: AsyncSession,
    *,
    organization_id: UUID,
    widget_id: UUID,
    if_match: str | None,
    name: str | None = None,
) -> Widget:
    """Change the fields that are not None; PreconditionFailed unless `if_match` is the ETag."""
    widget = await _lock(session, organization_id=organization_id, widget_id=widget_id)
    require_match(if_match, rules.widget_etag(widget))
    changes = changed_fields(widget, {"name": name})
    if not changes:
        return widget
    apply_changes(widget, changes)
    await session.flush()
    await session.refresh(widget)
    await audit.record(
        session,
        organization_id=organization_id,
        action="widget.updated",
        target_type="widget",
        target_id=widget_id,
        changes=changes,
    )
    return widget


async def delete_widget(
    session: AsyncSession, *, organization_id: UUID, widget_id: UUID, if_match: str | None
) -> None:
    """Delete a widget; PreconditionFailed unless `if_match` is the ETag."""
    widget = await _lock(session, organization_id=organization_id, widget_id=widget_id)
    require_match(if_match, rules.widget_etag(widget))
    await session.delete(widget)
    await session.flush()
    await audit.record(
        session,
        organization_id=organization_id,
        action="widget.deleted",
        target_type="widget",
        target_id=widget_id,
        changes={"name": widget.name},
    )


async def _lock(session: AsyncSession, *, organization_id: UUID, widget_id: UUID) -> Widget:
    query = select(Widget).where(Widget.organization_id == organization_id, Widget.id == widget_id)
    return await lock_or_404(session, query, "widget")
