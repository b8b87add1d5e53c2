"""Reads of exports."""

from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from app.core.db.rows import get_or_404
from app.core.models import ClockTimestamp, OutboxEntry
from app.exports.models import Export
from app.exports.rules import ExportView, FileView


def get_export(*, organization_id: UUID, export_id: UUID) -> ExportView:
    """Load an export that has not expired, or raise NotFound."""
    begun = OutboxEntry.objects.filter(id=OuterRef("job_id")).values("started_at")
    rows = (
        _visible(organization_id, export_id).defer("content").annotate(started_at=Subquery(begun))
    )
    export = get_or_404(rows, "export")
    return ExportView.of(export, started_at=export.started_at)


def get_file(*, organization_id: UUID, export_id: UUID) -> FileView:
    """Load an export's file; Conflict when there is none, NotFound when it has expired."""
    export = get_or_404(_visible(organization_id, export_id), "export")
    return FileView.of(
        file_format=export.format,
        status=export.status,
        created_at=export.created_at,
        content=export.content,
    )


def _visible(organization_id: UUID, export_id: UUID) -> QuerySet[Export]:
    return Export.tenant.filter(
        organization_id=organization_id, id=export_id, expires_at__gt=ClockTimestamp()
    )
