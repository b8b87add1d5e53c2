"""HTTP of exports."""

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app

from app.core.security.principals import Member
from app.core.security.roles import Role
from app.core.web.access import idempotent, require
from app.core.web.http import db
from app.core.web.openapi_responses import problem_responses
from app.core.web.parameters import Idempotency
from app.core.web.preconditions import etag
from app.exports import queries, schemas, service
from app.exports.files import read_chunks
from app.exports.rules import ExportView

blueprint = APIBlueprint(
    "exports",
    __name__,
    url_prefix="/organizations/<uuid:organization_id>/exports",
    tag="exports",
)

exporter = require(Role.MEMBER)

_CONTENT_TYPES = {
    schemas.ExportFormat.CSV: "text/csv; charset=utf-8",
    schemas.ExportFormat.JSON: "application/json",
}


@blueprint.post("")
@exporter
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.input(schemas.ExportCreate, arg_name="body")
@blueprint.output(schemas.Export, status_code=202)
@idempotent
def create_export(
    member: Member, body: schemas.ExportCreate
) -> tuple[schemas.Export, dict[str, str]]:
    """Request an export of the projects; poll the response's Location for its status."""
    export = service.request_export(
        db,
        organization_id=member.organization_id,
        requested_by=member.user_id,
        file_format=body.format,
    )
    return _show(export), {"Location": _path(export)}


@blueprint.get("/<uuid:export_id>")
@exporter
@blueprint.output(schemas.Export)
def get_export(export_id: UUID, member: Member) -> schemas.Export:
    """Read the status of an export."""
    export = queries.get_export(db, organization_id=member.organization_id, export_id=export_id)
    return _show(export)


@blueprint.get("/<uuid:export_id>/download")
@exporter
@blueprint.output(list[schemas.ExportedProject], description="The file")  # type: ignore[arg-type]  # APIFlask accepts lists, its type does not
@blueprint.doc(
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        **problem_responses(409),
    }
)
def download_export(export_id: UUID, member: Member) -> Response:
    """Download the file of an export that succeeded."""
    file = queries.get_file(db, organization_id=member.organization_id, export_id=export_id)
    name = f"projects-{file.created_at:%Y-%m-%d}.{file.format.value}"
    return current_app.response_class(
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
