"""Reads of exports."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from app.core.errors import Conflict, NotFound
from app.core.models import OutboxEntry
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
    """The file of an export; `content` is gzip."""

    format: ExportFormat
    created_at: datetime
    content: bytes


def get_export(session: Session, *, organization_id: UUID, export_id: UUID) -> ExportView:
    """Return an export that has not expired, or raise NotFound."""
    row = session.execute(
        select(Export, OutboxEntry.started_at)
        .outerjoin(OutboxEntry, OutboxEntry.id == Export.job_id)
        .where(_is_visible(organization_id, export_id))
    ).one_or_none()
    if row is None:
        raise NotFound("export")
    export, started_at = row
    status = ExportStatus(export.status)
    if status is ExportStatus.QUEUED and started_at is not None:
        # The job commits its changes when it ends; only its claim is committed before.
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


def get_file(session: Session, *, organization_id: UUID, export_id: UUID) -> FileView:
    """Return the file; Conflict if the export has none (yet), NotFound if it has expired."""
    row = session.execute(
        select(Export.format, Export.status, Export.created_at, Export.content).where(
            _is_visible(organization_id, export_id)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("export")
    if row.status == ExportStatus.FAILED:
        raise Conflict("The export failed.")
    if row.content is None:
        raise Conflict("The export is not finished.")
    return FileView(ExportFormat(row.format), row.created_at, row.content)


def _is_visible(organization_id: UUID, export_id: UUID) -> ColumnElement[bool]:
    return and_(
        Export.organization_id == organization_id,
        Export.id == export_id,
        Export.expires_at > func.clock_timestamp(),
    )
