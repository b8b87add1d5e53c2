"""Rules of API keys."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.core.errors import Invalid, Unauthenticated
from app.core.security import tokens
from app.core.security.roles import Scope

# Precision of `last_used_at`: not every request with a key costs a write.
LAST_USED_PRECISION = timedelta(minutes=1)


def check_expiry(expires_at: datetime | None) -> None:
    """Raise Invalid for a time that has passed; a key without one does not expire."""
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise Invalid(
            pointer="/expires_at", code="not_in_future", detail="The time must be in the future."
        )


def read_organization_id(key: str) -> UUID:
    """Return the organization that the text of a key names; Unauthenticated if it is no key."""
    organization_id = tokens.read_api_key(key)
    if organization_id is None:
        raise invalid_key()
    return organization_id


def invalid_key() -> Unauthenticated:
    return Unauthenticated("The API key is unknown, revoked or expired.")


def known_scopes(stored: Collection[str]) -> frozenset[Scope]:
    """Return the stored scopes, without those that only another release knows."""
    return frozenset(scope for scope in Scope if scope in stored)
