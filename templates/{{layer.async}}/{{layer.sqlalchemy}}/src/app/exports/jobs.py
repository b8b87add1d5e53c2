"""Jobs of exports."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.jobs.registry import job
from app.exports import service
from app.exports.schemas import ExportFailure


async def give_up(session: AsyncSession, *, export_id: UUID) -> None:
    """Let whoever waits for the export know that it will not come."""
    await service.fail_export(
        session,
        organization_id=session.info["organization_id"],
        export_id=export_id,
        failure=ExportFailure.INTERNAL_ERROR,
    )


@job("exports.run", on_dead_letter=give_up)
async def run(session: AsyncSession, *, export_id: UUID) -> None:
    """Write the file of an export."""
    await service.write_export(
        session, organization_id=session.info["organization_id"], export_id=export_id
    )


@job("exports.expire")
async def expire(session: AsyncSession, *, export_id: UUID) -> None:
    """Delete an export whose time has come."""
    await service.delete_export(
        session, organization_id=session.info["organization_id"], export_id=export_id
    )
