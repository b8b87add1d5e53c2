"""CSRF protection of requests that a cookie authenticates, by `Origin` or else `Sec-Fetch-Site`.

See the OWASP CSRF Prevention Cheat Sheet. Requests with a bearer token do not need it: another
site cannot make a browser send the token.
"""

from collections.abc import Collection
from typing import Protocol

from app.core.errors import Forbidden

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Headers(Protocol):
    """Request headers, with case-insensitive look-up."""

    def get(self, name: str, /) -> str | None: ...


def refuse_cross_site(method: str, headers: Headers, *, trusted_origins: Collection[str]) -> None:
    """Raise Forbidden for an unsafe request that can come from another site.

    `trusted_origins` are the origin of the service and the origins that CORS allows.
    """
    if method in _SAFE_METHODS:
        return
    origin = headers.get("origin")
    if origin is not None:
        allowed = origin in trusted_origins
    else:
        # Neither header: the client is not a browser, or too old to be protected.
        allowed = headers.get("sec-fetch-site") in {"same-origin", "none"}
    if not allowed:
        raise Forbidden(
            "The request comes from another site:"
            " its `Origin` must be that of PUBLIC_URL, or be one of CORS_ORIGINS."
        )
