"""HTTP of exports."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse

from app.core.security.principals import Member
from app.core.security.roles import Role
from app.core.web.access import Idempotent, require
from app.core.web.http import SessionDep, UnitOfWorkRoute, set_etag
from app.core.web.openapi_responses import problem_responses
from app.core.web.preconditions import etag
from app.exports import queries, schemas, service
from app.exports.files import read_chunks
from app.exports.rules import ExportView

router = APIRouter(
    prefix="/organizations/{organization_id}/exports",
    route_class=UnitOfWorkRoute,
    tags=["exports"],
)

Exporter = Annotated[Member, Depends(require(Role.MEMBER))]

_MEDIA_TYPES = {
    schemas.ExportFormat.CSV: "text/csv; charset=utf-8",
    schemas.ExportFormat.JSON: "application/json",
}
_FILE: dict[str, Any] = {
    "description": "The file",
    "model": list[schemas.ExportedProject],
    "content": {"text/csv": {"schema": {"type": "string"}}},
}


@router.post("", status_code=202)
async def create_export(
    body: schemas.ExportCreate,
    member: Exporter,
    session: SessionDep,
    response: Response,
    _: Idempotent,
) -> schemas.Export:
    """Request an export of the projects; poll the response's Location for its status."""
    export = await service.request_export(
        session,
        organization_id=member.organization_id,
        requested_by=member.user_id,
        file_format=body.format,
    )
    response.headers["Location"] = _path(export)
    return _show(export)


@router.get("/{export_id}")
async def get_export(export_id: UUID, member: Exporter, session: SessionDep) -> schemas.Export:
    """Read the status of an export."""
    export = await queries.get_export(
        session, organization_id=member.organization_id, export_id=export_id
    )
    return _show(export)


@router.get(
    "/{export_id}/download",
    response_class=StreamingResponse,
    responses={200: _FILE, **problem_responses(409)},
)
async def download_export(
    export_id: UUID, member: Exporter, session: SessionDep
) -> StreamingResponse:
    """Download the file of an export that succeeded."""
    file = await queries.get_file(
        session, organization_id=member.organization_id, export_id=export_id
    )
    name = f"projects-{file.created_at:%Y-%m-%d}.{file.format.value}"
    response = StreamingResponse(
        read_chunks(file.content),
        media_type=_MEDIA_TYPES[file.format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    set_etag(response, etag(export_id))
    return response


def _path(export: ExportView) -> str:
    return f"/api/v1/organizations/{export.organization_id}/exports/{export.id}"


def _show(export: ExportView) -> schemas.Export:
    succeeded = export.status is schemas.ExportStatus.SUCCEEDED
    return schemas.Export(
        id=export.id,
        organization_id=export.organization_id,
        format=export.format,
        status=export.status,
        failure=export.failure,
        created_at=export.created_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
        download_url=f"{_path(export)}/download" if succeeded else None,
    )
