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

router = APIRouter(
    prefix="/organizations/{organization_id}/exports",
    route_class=UnitOfWorkRoute,
    tags=["exports"],
)

Exporter = Annotated[Member, Depends(require(Role.MEMBER))]

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
    """Request an export of the projects.

    Poll the response's Location for its status.
    """
    export = await service.request_export(
        session,
        organization_id=member.organization_id,
        requested_by=member.user_id,
        file_format=body.format,
    )
    response.headers["Location"] = export.path
    return schemas.Export.model_validate(export)


@router.get("/{export_id}")
async def get_export(export_id: UUID, member: Exporter, session: SessionDep) -> schemas.Export:
    """Read the status of an export."""
    export = await queries.get_export(
        session, organization_id=member.organization_id, export_id=export_id
    )
    return schemas.Export.model_validate(export)


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
    response = StreamingResponse(
        read_chunks(file.content),
        media_type=file.media_type,
        headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
    )
    set_etag(response, etag(export_id))
    return response
