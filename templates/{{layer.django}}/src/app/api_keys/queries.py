"""Reads of API keys."""

from uuid import UUID

from app.api_keys.models import ApiKey
from app.core.db.pagination import read_cursor, sign_cursor


def list_api_keys(
    *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[ApiKey], str | None]:
    """List the keys that are not revoked, oldest first; expired ones are among them."""
    bound_to = {"list": "api_keys", "organization_id": organization_id}
    api_keys = ApiKey.tenant.filter(organization_id=organization_id, revoked_at=None)
    if cursor is not None:
        (last,) = read_cursor(cursor, tuple[UUID], bound_to=bound_to)
        api_keys = api_keys.filter(id__gt=last)
    rows = list(api_keys.order_by("id")[: limit + 1])
    more = len(rows) > limit
    items = rows[:limit]
    return items, sign_cursor((items[-1].id,), bound_to=bound_to) if more else None
