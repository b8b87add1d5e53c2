"""HTTP of API keys."""

from uuid import UUID

from ninja import Query, Router

from app.api_keys import queries, schemas, service
from app.api_keys.models import ApiKey
from app.core.security.roles import Role
from app.core.web.access import MemberRequest, idempotent, require
from app.core.web.parameters import IdempotencyKey, PageQuery

router = Router(tags=["API keys"])

API_KEYS = "/organizations/{uuid:organization_id}/api-keys"

# No scope: a key may not make or revoke keys.
admin = require(Role.ADMIN)


@router.post(API_KEYS, auth=admin, response={201: schemas.ApiKeyCreated})
@idempotent
def create_api_key(
    request: MemberRequest,
    organization_id: UUID,
    body: schemas.ApiKeyCreate,
    idempotency_key: IdempotencyKey = None,
) -> schemas.ApiKeyCreated:
    """Create an API key.

    Only this response contains it.
    """
    api_key, key = service.create_api_key(
        organization_id=organization_id,
        created_by=request.auth.user_id,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    return schemas.ApiKeyCreated(**_show(api_key).model_dump(), key=key)


@router.get(API_KEYS, auth=admin, response=schemas.ApiKeyPage)
def list_api_keys(
    request: MemberRequest, organization_id: UUID, query: Query[PageQuery]
) -> schemas.ApiKeyPage:
    """List the keys that are not revoked, oldest first."""
    items, next_cursor = queries.list_api_keys(
        organization_id=organization_id, limit=query.limit, cursor=query.cursor
    )
    return schemas.ApiKeyPage(items=[_show(item) for item in items], next_cursor=next_cursor)


@router.delete(f"{API_KEYS}/{{uuid:api_key_id}}", auth=admin, response={204: None})
def revoke_api_key(request: MemberRequest, organization_id: UUID, api_key_id: UUID) -> None:
    """Revoke a key.

    It stops working at once.
    """
    service.revoke_api_key(organization_id=organization_id, api_key_id=api_key_id)


def _show(api_key: ApiKey) -> schemas.ApiKey:
    return schemas.ApiKey(
        id=api_key.id,
        organization_id=api_key.organization_id,
        name=api_key.name,
        prefix=api_key.prefix,
        scopes=api_key.scopes,
        created_by=api_key.created_by_id,
        created_at=api_key.created_at,
        expires_at=api_key.expires_at,
        last_used_at=api_key.last_used_at,
    )
