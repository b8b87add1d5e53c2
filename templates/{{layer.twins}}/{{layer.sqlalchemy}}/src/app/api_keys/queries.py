"""Reads of API keys."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api_keys.models import ApiKey
from app.core.db.pagination import read_cursor, sign_cursor


def list_api_keys(
    session: Session, *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[ApiKey], str | None]:
    """Return a page of the keys that are not revoked, including expired ones, and the cursor."""
    bound_to = {"list": "api_keys", "organization_id": organization_id}
    query = (
        select(ApiKey)
        .where(ApiKey.organization_id == organization_id, ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        (after,) = read_cursor(cursor, tuple[UUID], bound_to=bound_to)
        query = query.where(ApiKey.id > after)
    rows = list(session.scalars(query))
    more = len(rows) > limit
    items = rows[:limit]
    return items, sign_cursor((items[-1].id,), bound_to=bound_to) if more else None
