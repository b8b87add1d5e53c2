"""Use cases of exports."""

from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.audit import service as audit
from app.core.ids import uuid7
from app.core.jobs.outbox import enqueue
from app.exports import queries, rules
from app.exports.files import ExportFile, FileTooLarge
from app.exports.models import Export
from app.exports.rules import ExportView
from app.exports.schemas import ExportedProject, ExportFailure, ExportFormat, ExportStatus
from app.projects import queries as projects


def request_export(
    session: Session,
    *,
    organization_id: UUID,
    requested_by: UUID | None,
    file_format: ExportFormat,
) -> ExportView:
    """Enqueue an export of the projects, and its deletion after `LIFETIME`."""
    export_id = uuid7()
    job_id = enqueue(session, "exports.run", export_id=export_id)
    enqueue(session, "exports.expire", delay=rules.LIFETIME, export_id=export_id)
    session.add(
        Export(
            id=export_id,
            organization_id=organization_id,
            format=file_format,
            job_id=job_id,
            requested_by=requested_by,
            expires_at=func.clock_timestamp() + rules.LIFETIME,
        )
    )
    session.flush()
    audit.record(
        session,
        organization_id=organization_id,
        action="export.requested",
        target_type="export",
        target_id=export_id,
        changes={"format": file_format},
    )
    return queries.get_export(session, organization_id=organization_id, export_id=export_id)


def write_export(session: Session, *, organization_id: UUID, export_id: UUID) -> None:
    """Write the file of an export; does nothing if it is written, or the export was deleted."""
    file_format = session.scalar(
        select(Export.format).where(
            Export.organization_id == organization_id,
            Export.id == export_id,
            Export.status != ExportStatus.SUCCEEDED,
        )
    )
    if file_format is None:
        return
    try:
        content = _make_file(session, organization_id, ExportFormat(file_format))
    except FileTooLarge:
        # Not re-raised: a retry would fail in the same way.
        fail_export(
            session,
            organization_id=organization_id,
            export_id=export_id,
            failure=ExportFailure.TOO_LARGE,
        )
        return
    session.execute(
        update(Export)
        .where(Export.organization_id == organization_id, Export.id == export_id)
        .values(
            status=ExportStatus.SUCCEEDED,
            failure=None,
            content=content,
            finished_at=func.clock_timestamp(),
        )
        .execution_options(synchronize_session=False)
    )


def fail_export(
    session: Session, *, organization_id: UUID, export_id: UUID, failure: ExportFailure
) -> None:
    """Set a queued export to failed."""
    session.execute(
        update(Export)
        .where(
            Export.organization_id == organization_id,
            Export.id == export_id,
            Export.status == ExportStatus.QUEUED,
        )
        .values(status=ExportStatus.FAILED, failure=failure, finished_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )


def delete_export(session: Session, *, organization_id: UUID, export_id: UUID) -> None:
    """Delete an export and its file, if it exists."""
    session.execute(
        delete(Export).where(Export.organization_id == organization_id, Export.id == export_id)
    )


def _make_file(session: Session, organization_id: UUID, file_format: ExportFormat) -> bytes:
    """Build the file page by page: memory holds the compressed file and one page."""
    file = ExportFile(file_format, ExportedProject.model_fields, rules.MAX_FILE_BYTES)
    for page in projects.read_projects(session, organization_id=organization_id, batch=rules.BATCH):
        rows = [ExportedProject.model_validate(item).model_dump(mode="json") for item in page]
        file.write(rows)
    return file.close()
