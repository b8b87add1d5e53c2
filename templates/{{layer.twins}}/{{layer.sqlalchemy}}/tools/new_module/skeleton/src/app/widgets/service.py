"""Use cases of widgets."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import service as audit
from app.core.db.changes import apply_changes, changed_fields
from app.core.db.rows import lock_or_404
from app.core.ids import uuid7
from app.core.web.preconditions import require_match
from app.widgets import rules
from app.widgets.models import Widget


def create_widget(session: Session, *, organization_id: UUID, name: str) -> Widget:
    """Create a widget."""
    widget = Widget(organization_id=organization_id, id=uuid7(), name=name)
    session.add(widget)
    session.flush()
    session.refresh(widget)
    audit.record(
        session,
        organization_id=organization_id,
        action="widget.created",
        target_type="widget",
        target_id=widget.id,
        changes={"name": name},
    )
    return widget


def update_widget(
    session: Session,
    *,
    organization_id: UUID,
    widget_id: UUID,
    if_match: str | None,
    name: str | None = None,
) -> Widget:
    """Change the fields that are not None; PreconditionFailed unless `if_match` is the ETag."""
    widget = _lock(session, organization_id=organization_id, widget_id=widget_id)
    require_match(if_match, rules.widget_etag(widget))
    changes = changed_fields(widget, {"name": name})
    if not changes:
        return widget
    apply_changes(widget, changes)
    session.flush()
    session.refresh(widget)
    audit.record(
        session,
        organization_id=organization_id,
        action="widget.updated",
        target_type="widget",
        target_id=widget_id,
        changes=changes,
    )
    return widget


def delete_widget(
    session: Session, *, organization_id: UUID, widget_id: UUID, if_match: str | None
) -> None:
    """Delete a widget; PreconditionFailed unless `if_match` is the ETag."""
    widget = _lock(session, organization_id=organization_id, widget_id=widget_id)
    require_match(if_match, rules.widget_etag(widget))
    session.delete(widget)
    session.flush()
    audit.record(
        session,
        organization_id=organization_id,
        action="widget.deleted",
        target_type="widget",
        target_id=widget_id,
        changes={"name": widget.name},
    )


def _lock(session: Session, *, organization_id: UUID, widget_id: UUID) -> Widget:
    query = select(Widget).where(Widget.organization_id == organization_id, Widget.id == widget_id)
    return lock_or_404(session, query, "widget")
