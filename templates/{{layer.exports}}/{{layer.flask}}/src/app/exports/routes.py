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

blueprint = APIBlueprint(
    "exports",
    __name__,
    url_prefix="/organizations/<uuid:organization_id>/exports",
    tag="exports",
)

exporter = require(Role.MEMBER)


@blueprint.post("")
@exporter
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.input(schemas.ExportCreate, arg_name="body")
@blueprint.output(schemas.Export, status_code=202)
@idempotent
def create_export(
    member: Member, body: schemas.ExportCreate
) -> tuple[schemas.Export, dict[str, str]]:
    """Request an export of the projects.

    Poll the response's Location for its status.
    """
    export = service.request_export(
        db,
        organization_id=member.organization_id,
        requested_by=member.user_id,
        file_format=body.format,
    )
    return schemas.Export.model_validate(export), {"Location": export.path}


@blueprint.get("/<uuid:export_id>")
@exporter
@blueprint.output(schemas.Export)
def get_export(export_id: UUID, member: Member) -> schemas.Export:
    """Read the status of an export."""
    export = queries.get_export(db, organization_id=member.organization_id, export_id=export_id)
    return schemas.Export.model_validate(export)


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
    return current_app.response_class(
        read_chunks(file.content),
        content_type=file.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "ETag": etag(export_id),
        },
    )
