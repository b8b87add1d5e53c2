"""HTTP of API keys."""

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from app.api_keys import queries, schemas, service
from app.core.security.principals import Member
from app.core.security.roles import Role
from app.core.web.access import idempotent, require
from app.core.web.http import db, empty_response
from app.core.web.openapi_responses import empty_answer
from app.core.web.parameters import Idempotency, PageQuery

blueprint = APIBlueprint(
    "api_keys",
    __name__,
    url_prefix="/organizations/<uuid:organization_id>/api-keys",
    tag="API keys",
)

# No scope: a key may not make or revoke keys.
admin = require(Role.ADMIN)


@blueprint.post("")
@admin
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.input(schemas.ApiKeyCreate, arg_name="body")
@blueprint.output(schemas.ApiKeyCreated, status_code=201)
@idempotent
def create_api_key(member: Member, body: schemas.ApiKeyCreate) -> schemas.ApiKeyCreated:
    """Create an API key.

    Only this response contains it.
    """
    api_key, key = service.create_api_key(
        db,
        organization_id=member.organization_id,
        created_by=member.user_id,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    shown = schemas.ApiKey.model_validate(api_key)
    return schemas.ApiKeyCreated(**shown.model_dump(), key=key)


@blueprint.get("")
@admin
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(schemas.ApiKeyPage)
def list_api_keys(member: Member, query: PageQuery) -> schemas.ApiKeyPage:
    """List the keys that are not revoked, oldest first."""
    items, next_cursor = queries.list_api_keys(
        db, organization_id=member.organization_id, limit=query.limit, cursor=query.cursor
    )
    return schemas.ApiKeyPage(
        items=[schemas.ApiKey.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@blueprint.delete("/<uuid:api_key_id>")
@admin
@blueprint.doc(responses=empty_answer())
def revoke_api_key(api_key_id: UUID, member: Member) -> Response:
    """Revoke a key.

    It stops working at once.
    """
    service.revoke_api_key(db, organization_id=member.organization_id, api_key_id=api_key_id)
    return empty_response()
