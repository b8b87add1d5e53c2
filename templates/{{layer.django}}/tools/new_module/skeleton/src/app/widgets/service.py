"""Use cases of widgets."""

from uuid import UUID

from app.audit import service as audit
from app.core.db.changes import apply_changes, changed_fields
from app.core.db.rows import lock_or_404
from app.core.web.preconditions import require_match
from app.widgets import rules
from app.widgets.models import Widget


def create_widget(*, organization_id: UUID, name: str) -> Widget:
    """Create a widget."""
    widget = Widget.tenant.create(organization_id=organization_id, name=name)
    audit.record(
        organization_id=organization_id,
        action="widget.created",
        target_type="widget",
        target_id=widget.id,
        changes={"name": name},
    )
    return widget


def update_widget(
    *, organization_id: UUID, widget_id: UUID, if_match: str | None, name: str | None = None
) -> Widget:
    """Change the fields that are not None; PreconditionFailed unless `if_match` is the ETag."""
    widget = _lock(organization_id=organization_id, widget_id=widget_id)
    require_match(if_match, rules.widget_etag(widget))
    changes = changed_fields(widget, {"name": name})
    if not changes:
        return widget
    apply_changes(widget, changes)
    widget.save()
    audit.record(
        organization_id=organization_id,
        action="widget.updated",
        target_type="widget",
        target_id=widget_id,
        changes=changes,
    )
    return widget


def delete_widget(*, organization_id: UUID, widget_id: UUID, if_match: str | None) -> None:
    """Delete a widget; PreconditionFailed unless `if_match` is the ETag."""
    widget = _lock(organization_id=organization_id, widget_id=widget_id)
    require_match(if_match, rules.widget_etag(widget))
    widget.delete()
    audit.record(
        organization_id=organization_id,
        action="widget.deleted",
        target_type="widget",
        target_id=widget_id,
        changes={"name": widget.name},
    )


def _lock(*, organization_id: UUID, widget_id: UUID) -> Widget:
    rows = Widget.tenant.filter(organization_id=organization_id, id=widget_id)
    return lock_or_404(rows, "widget")
