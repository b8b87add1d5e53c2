"""Cross-site request forgery: the defence of requests that a cookie authenticates.

Fetch metadata first, `Origin` where a browser sends none (OWASP CSRF cheat sheet). Requests
with a bearer token need none of it: no other site can make a browser send the token.
"""

from collections.abc import Collection
from typing import Protocol

from app.core.errors import Forbidden

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Headers(Protocol):
    """Looks names up without regard to case."""

    def get(self, name: str, /) -> str | None:
        """Read one header."""
        ...


def refuse_cross_site(method: str, headers: Headers, *, trusted_origins: Collection[str]) -> None:
    """Raise Forbidden for an unsafe request that another site may have caused.

    `trusted_origins` are the service's own origin and the front ends it allows by CORS.
    """
    if method in _SAFE_METHODS:
        return
    origin = headers.get("origin")
    if origin is not None:
        allowed = origin in trusted_origins
    else:
        # No Origin and no metadata means no browser, or one older than both: refuse.
        allowed = headers.get("sec-fetch-site") in {"same-origin", "none"}
    if not allowed:
        raise Forbidden("The request comes from another site.")
