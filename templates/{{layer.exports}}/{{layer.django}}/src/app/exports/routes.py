"""HTTP of exports."""

from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from ninja import Router

from app.core.security.roles import Role
from app.core.web.access import MemberRequest, idempotent, require
from app.core.web.openapi_responses import problem_responses
from app.core.web.parameters import IdempotencyKey
from app.core.web.preconditions import etag
from app.exports import queries, schemas, service
from app.exports.files import read_chunks

router = Router(tags=["exports"])

EXPORTS = "/organizations/{uuid:organization_id}/exports"
EXPORT = f"{EXPORTS}/{{uuid:export_id}}"

exporter = require(Role.MEMBER)

_CSV = {"description": "The file", "content": {"text/csv": {"schema": {"type": "string"}}}}


@router.post(EXPORTS, auth=exporter, response={202: schemas.Export})
@idempotent
def create_export(
    request: MemberRequest,
    response: HttpResponse,
    organization_id: UUID,
    body: schemas.ExportCreate,
    idempotency_key: IdempotencyKey = None,
) -> schemas.Export:
    """Request an export of the projects.

    Poll the response's Location for its status.
    """
    export = service.request_export(
        organization_id=organization_id,
        requested_by=request.auth.user_id,
        file_format=body.format,
    )
    response.headers["Location"] = export.path
    return schemas.Export.model_validate(export)


@router.get(EXPORT, auth=exporter, response=schemas.Export)
def get_export(request: MemberRequest, organization_id: UUID, export_id: UUID) -> schemas.Export:
    """Read the status of an export."""
    return schemas.Export.model_validate(
        queries.get_export(organization_id=organization_id, export_id=export_id)
    )


@router.get(
    f"{EXPORT}/download",
    auth=exporter,
    response=list[schemas.ExportedProject],
    openapi_extra={"responses": {200: _CSV, **problem_responses(409)}},
)
def download_export(
    request: MemberRequest, organization_id: UUID, export_id: UUID
) -> StreamingHttpResponse:
    """Download the file of an export that succeeded."""
    file = queries.get_file(organization_id=organization_id, export_id=export_id)
    return StreamingHttpResponse(
        read_chunks(file.content),
        content_type=file.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "ETag": etag(export_id),
        },
    )
