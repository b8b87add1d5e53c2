"""Reads of exports."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from app.core.errors import Conflict, NotFound
from app.core.models import ClockTimestamp, OutboxEntry
from app.exports.models import Export
from app.exports.schemas import ExportFailure, ExportFormat, ExportStatus


@dataclass(frozen=True, slots=True)
class ExportView:
    """An export without its file."""

    id: UUID
    organization_id: UUID
    format: ExportFormat
    status: ExportStatus
    failure: ExportFailure | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FileView:
    """An export's file, as gzip."""

    format: ExportFormat
    created_at: datetime
    content: bytes


def get_export(*, organization_id: UUID, export_id: UUID) -> ExportView:
    """Load an export that has not expired, or raise NotFound."""
    begun = OutboxEntry.objects.filter(id=OuterRef("job_id")).values("started_at")
    export = (
        _visible(organization_id, export_id)
        .defer("content")
        .annotate(started_at=Subquery(begun))
        .first()
    )
    if export is None:
        raise NotFound("export")
    status = ExportStatus(export.status)
    if status is ExportStatus.QUEUED and export.started_at is not None:
        # The transaction of the running job is not visible yet; its claim is, in the outbox.
        status = ExportStatus.RUNNING
    return ExportView(
        id=export.id,
        organization_id=export.organization_id,
        format=ExportFormat(export.format),
        status=status,
        failure=None if export.failure is None else ExportFailure(export.failure),
        created_at=export.created_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
    )


def get_file(*, organization_id: UUID, export_id: UUID) -> FileView:
    """Load an export's file; Conflict when there is none, NotFound when it has expired."""
    export = _visible(organization_id, export_id).first()
    if export is None:
        raise NotFound("export")
    if export.status == ExportStatus.FAILED:
        raise Conflict("The export failed.")
    if export.content is None:
        raise Conflict("The export is not finished.")
    return FileView(ExportFormat(export.format), export.created_at, bytes(export.content))


def _visible(organization_id: UUID, export_id: UUID) -> QuerySet[Export]:
    return Export.tenant.filter(
        organization_id=organization_id, id=export_id, expires_at__gt=ClockTimestamp()
    )
