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
from app.exports.rules import ExportView

router = Router(tags=["exports"])

EXPORTS = "/organizations/{uuid:organization_id}/exports"
EXPORT = f"{EXPORTS}/{{uuid:export_id}}"

exporter = require(Role.MEMBER)

_CONTENT_TYPES = {
    schemas.ExportFormat.CSV: "text/csv; charset=utf-8",
    schemas.ExportFormat.JSON: "application/json",
}
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
    """Request an export of the projects; poll the response's Location for its status."""
    export = service.request_export(
        organization_id=organization_id,
        requested_by=request.auth.user_id,
        file_format=body.format,
    )
    response.headers["Location"] = _path(export)
    return _show(export)


@router.get(EXPORT, auth=exporter, response=schemas.Export)
def get_export(request: MemberRequest, organization_id: UUID, export_id: UUID) -> schemas.Export:
    """Read the status of an export."""
    return _show(queries.get_export(organization_id=organization_id, export_id=export_id))


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
    name = f"projects-{file.created_at:%Y-%m-%d}.{file.format.value}"
    return StreamingHttpResponse(
        read_chunks(file.content),
        content_type=_CONTENT_TYPES[file.format],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "ETag": etag(export_id),
        },
    )


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
