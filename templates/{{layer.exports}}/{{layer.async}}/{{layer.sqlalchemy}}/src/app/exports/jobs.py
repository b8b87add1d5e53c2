"""Jobs of exports."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.jobs.registry import job
from app.exports import service
from app.exports.schemas import ExportFailure


async def mark_failed(session: AsyncSession, *, export_id: UUID) -> None:
    """Set the status that clients poll, when the job is a dead letter."""
    await service.fail_export(
        session,
        organization_id=session.info["organization_id"],
        export_id=export_id,
        failure=ExportFailure.INTERNAL_ERROR,
    )


@job("exports.run", on_dead_letter=mark_failed)
async def run(session: AsyncSession, *, export_id: UUID) -> None:
    await service.write_export(
        session, organization_id=session.info["organization_id"], export_id=export_id
    )


@job("exports.expire")
async def expire(session: AsyncSession, *, export_id: UUID) -> None:
    """Delete an export and its file; enqueued with a delay of `rules.LIFETIME`."""
    await service.delete_export(
        session, organization_id=session.info["organization_id"], export_id=export_id
    )
