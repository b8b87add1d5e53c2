"""Reads of exports."""

from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.rows import get_row_or_404
from app.core.models import OutboxEntry
from app.exports.models import Export
from app.exports.rules import ExportView, FileView


async def get_export(
    session: AsyncSession, *, organization_id: UUID, export_id: UUID
) -> ExportView:
    """Return an export that has not expired, or raise NotFound."""
    query = (
        select(Export, OutboxEntry.started_at)
        .outerjoin(OutboxEntry, OutboxEntry.id == Export.job_id)
        .where(_is_visible(organization_id, export_id))
    )
    export, started_at = await get_row_or_404(session, query, "export")
    return ExportView.of(export, started_at=started_at)


async def get_file(session: AsyncSession, *, organization_id: UUID, export_id: UUID) -> FileView:
    """Return the file; Conflict if the export has none (yet), NotFound if it has expired."""
    query = select(Export.format, Export.status, Export.created_at, Export.content).where(
        _is_visible(organization_id, export_id)
    )
    row = await get_row_or_404(session, query, "export")
    return FileView.of(
        file_format=row.format,
        status=row.status,
        created_at=row.created_at,
        content=row.content,
    )


def _is_visible(organization_id: UUID, export_id: UUID) -> ColumnElement[bool]:
    return and_(
        Export.organization_id == organization_id,
        Export.id == export_id,
        Export.expires_at > func.clock_timestamp(),
    )
