"""HTTP of API keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from app.api_keys import queries, schemas, service
from app.core.security.principals import Member
from app.core.security.roles import Role
from app.core.web.access import Idempotent, require
from app.core.web.http import SessionDep, UnitOfWorkRoute
from app.core.web.parameters import Cursor, Limit

router = APIRouter(
    prefix="/organizations/{organization_id}/api-keys",
    route_class=UnitOfWorkRoute,
    tags=["API keys"],
)

# No scope: a key may not make or revoke keys.
Admin = Annotated[Member, Depends(require(Role.ADMIN))]


@router.post("", status_code=201)
async def create_api_key(
    body: schemas.ApiKeyCreate, member: Admin, session: SessionDep, _: Idempotent
) -> schemas.ApiKeyCreated:
    """Create an API key.

    Only this response contains it.
    """
    api_key, key = await service.create_api_key(
        session,
        organization_id=member.organization_id,
        created_by=member.user_id,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    shown = schemas.ApiKey.model_validate(api_key)
    return schemas.ApiKeyCreated(**shown.model_dump(), key=key)


@router.get("")
async def list_api_keys(
    member: Admin, session: SessionDep, limit: Limit = 20, cursor: Cursor = None
) -> schemas.ApiKeyPage:
    """List the keys that are not revoked, oldest first."""
    items, next_cursor = await queries.list_api_keys(
        session, organization_id=member.organization_id, limit=limit, cursor=cursor
    )
    return schemas.ApiKeyPage(
        items=[schemas.ApiKey.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@router.delete("/{api_key_id}", status_code=204)
async def revoke_api_key(api_key_id: UUID, member: Admin, session: SessionDep) -> None:
    """Revoke a key.

    It stops working at once.
    """
    await service.revoke_api_key(
        session, organization_id=member.organization_id, api_key_id=api_key_id
    )
