"""Entity tags (RFC 9110, 8.8.3): `If-Match` against lost updates, `If-None-Match` for 304."""

import re
from hashlib import sha256

from app.core.errors import PreconditionFailed

_TAG = re.compile(r'(W/)?("[^"]*")')


def etag(*parts: object) -> str:
    """A strong tag of what the representation depends on, such as its version."""
    return f'"{"-".join(str(part) for part in parts)}"'


def content_etag(body: bytes) -> str:
    """A strong tag of the bytes themselves, for answers without a version."""
    return etag(sha256(body).hexdigest()[:32])


def require_match(if_match: str | None, current: str) -> None:
    """Raise PreconditionFailed when `If-Match` was sent and names other versions only.

    The comparison is strong: a weak tag never matches. Call it with the row locked.
    """
    if if_match is None or if_match.strip() == "*":
        return
    tags = {tag for weak, tag in _TAG.findall(if_match) if not weak}
    if current not in tags:
        raise PreconditionFailed("The resource has changed since it was read.")


def is_unchanged(if_none_match: str | None, current: str) -> bool:
    """Whether the caller has this version already (weak comparison, as for GET)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or current in {
        tag for _, tag in _TAG.findall(if_none_match)
    }
