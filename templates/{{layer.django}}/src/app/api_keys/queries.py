"""Reads of API keys."""

from uuid import UUID

from app.api_keys.models import ApiKey
from app.core.db.rows import page


def list_api_keys(
    *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[ApiKey], str | None]:
    """List the keys that are not revoked, oldest first; expired ones are among them."""
    return page(
        ApiKey.tenant.filter(organization_id=organization_id, revoked_at=None),
        "id",
        limit=limit,
        cursor=cursor,
        bound_to={"list": "api_keys", "organization_id": organization_id},
    )
