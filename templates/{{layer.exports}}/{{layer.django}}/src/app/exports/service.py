"""Use cases of exports."""

from uuid import UUID

from app.audit import service as audit
from app.core.ids import uuid7
from app.core.jobs.outbox import enqueue
from app.core.models import ClockTimestamp
from app.exports import queries, rules
from app.exports.files import ExportFile, FileTooLarge
from app.exports.models import Export
from app.exports.rules import ExportView
from app.exports.schemas import ExportedProject, ExportFailure, ExportFormat, ExportStatus
from app.projects import queries as projects

_now = ClockTimestamp


def request_export(
    *, organization_id: UUID, requested_by: UUID | None, file_format: ExportFormat
) -> ExportView:
    """Enqueue an export of the projects, and the deletion of its file."""
    export_id = uuid7()
    job_id = enqueue("exports.run", export_id=export_id)
    enqueue("exports.expire", delay=rules.LIFETIME, export_id=export_id)
    Export.tenant.create(
        id=export_id,
        organization_id=organization_id,
        format=file_format,
        job_id=job_id,
        requested_by_id=requested_by,
        expires_at=_now() + rules.LIFETIME,
    )
    audit.record(
        organization_id=organization_id,
        action="export.requested",
        target_type="export",
        target_id=export_id,
        changes={"format": file_format},
    )
    return queries.get_export(organization_id=organization_id, export_id=export_id)


def write_export(*, organization_id: UUID, export_id: UUID) -> None:
    """Write the file of an export, unless it is written, or the export is deleted."""
    export = (
        Export.tenant.filter(organization_id=organization_id, id=export_id)
        .exclude(status=ExportStatus.SUCCEEDED)
        .values_list("format")
        .first()
    )
    if export is None:
        return
    try:
        content = _make_file(organization_id, ExportFormat(export[0]))
    except FileTooLarge:
        # Not raised: another attempt would fail as well.
        fail_export(
            organization_id=organization_id,
            export_id=export_id,
            failure=ExportFailure.TOO_LARGE,
        )
        return
    Export.tenant.filter(organization_id=organization_id, id=export_id).update(
        status=ExportStatus.SUCCEEDED, failure=None, content=content, finished_at=_now()
    )


def fail_export(*, organization_id: UUID, export_id: UUID, failure: ExportFailure) -> None:
    Export.tenant.filter(
        organization_id=organization_id, id=export_id, status=ExportStatus.QUEUED
    ).update(status=ExportStatus.FAILED, failure=failure, finished_at=_now())


def delete_export(*, organization_id: UUID, export_id: UUID) -> None:
    Export.tenant.filter(organization_id=organization_id, id=export_id).delete()


def _make_file(organization_id: UUID, file_format: ExportFormat) -> bytes:
    """Read the projects in pages, so that memory holds the file and one page."""
    file = ExportFile(file_format, ExportedProject.model_fields, rules.MAX_FILE_BYTES)
    for page in projects.read_projects(organization_id=organization_id, batch=rules.BATCH):
        file.write(
            ExportedProject(
                id=item.id,
                name=item.name,
                description=item.description,
                status=item.status,
                created_by=item.created_by_id,
                created_at=item.created_at,
                updated_at=item.updated_at,
            ).model_dump(mode="json")
            for item in page
        )
    return file.close()
