"""Reads of API keys."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api_keys.models import ApiKey
from app.core.db.rows import page


def list_api_keys(
    session: Session, *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[ApiKey], str | None]:
    """Return a page of the keys that are not revoked, including expired ones, and the cursor."""
    return page(
        session,
        select(ApiKey).where(
            ApiKey.organization_id == organization_id, ApiKey.revoked_at.is_(None)
        ),
        ApiKey.id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "api_keys", "organization_id": organization_id},
    )
