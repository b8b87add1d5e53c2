"""Jobs of exports."""

from uuid import UUID

from app.core.db import tenancy
from app.core.jobs.registry import job
from app.exports import service
from app.exports.schemas import ExportFailure


def mark_failed(*, export_id: UUID) -> None:
    service.fail_export(
        organization_id=tenancy.organization_id(),
        export_id=export_id,
        failure=ExportFailure.INTERNAL_ERROR,
    )


@job("exports.run", on_dead_letter=mark_failed)
def run(*, export_id: UUID) -> None:
    """Write the file of an export."""
    service.write_export(organization_id=tenancy.organization_id(), export_id=export_id)


@job("exports.expire")
def expire(*, export_id: UUID) -> None:
    """Delete an expired export."""
    service.delete_export(organization_id=tenancy.organization_id(), export_id=export_id)
