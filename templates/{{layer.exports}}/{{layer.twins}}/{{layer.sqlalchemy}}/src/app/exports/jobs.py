"""Jobs of exports."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.core.jobs.registry import job
from app.exports import service
from app.exports.schemas import ExportFailure


def mark_failed(session: Session, *, export_id: UUID) -> None:
    """Set the status that clients poll, when the job is a dead letter."""
    service.fail_export(
        session,
        organization_id=session.info["organization_id"],
        export_id=export_id,
        failure=ExportFailure.INTERNAL_ERROR,
    )


@job("exports.run", on_dead_letter=mark_failed)
def run(session: Session, *, export_id: UUID) -> None:
    service.write_export(
        session, organization_id=session.info["organization_id"], export_id=export_id
    )


@job("exports.expire")
def expire(session: Session, *, export_id: UUID) -> None:
    """Delete an export and its file; enqueued with a delay of `rules.LIFETIME`."""
    service.delete_export(
        session, organization_id=session.info["organization_id"], export_id=export_id
    )
