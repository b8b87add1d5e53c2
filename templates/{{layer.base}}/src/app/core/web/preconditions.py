"""Entity tags (RFC 9110, 8.8.3): `If-Match` prevents lost updates, `If-None-Match` gives 304."""

import re
from hashlib import sha256

from app.core.errors import PreconditionFailed

_TAG = re.compile(r'(W/)?("[^"]*")')


def etag(*parts: object) -> str:
    """Return a strong tag of what the representation depends on, such as its version."""
    return f'"{"-".join(str(part) for part in parts)}"'


def content_etag(body: bytes) -> str:
    """Return a strong tag of the bytes, for responses without a version."""
    return etag(sha256(body).hexdigest()[:32])


def require_match(if_match: str | None, current: str) -> None:
    """Raise PreconditionFailed when `If-Match` was sent and does not name the current version.

    The comparison is strong: a weak tag never matches. The caller holds a lock on the row.
    """
    if if_match is None or if_match.strip() == "*":
        return
    tags = {tag for weak, tag in _TAG.findall(if_match) if not weak}
    if current not in tags:
        raise PreconditionFailed("The resource has changed since it was read.")


def is_unchanged(if_none_match: str | None, current: str) -> bool:
    """Return whether the client has the current version (weak comparison)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or current in {
        tag for _, tag in _TAG.findall(if_none_match)
    }
