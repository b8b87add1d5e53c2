"""What every HTTP exchange has, whatever serves it: a context, common headers, an access log."""

import logging
import re
import secrets
from collections.abc import Sequence

from app.core import telemetry
from app.core.client_ip import client_address
from app.core.context import Context
from app.settings import settings

logger = logging.getLogger("app.access")

# Anything else could forge log lines or grow them without bound.
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "no-store",
}
if settings.public_url.startswith("https://"):
    SECURITY_HEADERS["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"

# Cross-origin requests, where CORS_ORIGINS allows any: what may be sent, and what may be read.
CORS_METHODS = ("GET", "POST", "PATCH", "DELETE")
CORS_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-ID",
)
CORS_ANSWER_HEADERS = (
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
)

# Probes come every few seconds and say nothing new.
UNLOGGED = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})


def open_context(
    *,
    peer: str | None,
    forwarded_for: Sequence[str],
    request_id: str,
    traceparent: str,
    user_agent: str,
) -> Context:
    """Make a request's context of its peer's address and its headers, empty where not sent."""
    return Context(
        request_id=request_id if _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(16),
        client_ip=client_address(peer, forwarded_for, settings.trusted_proxies),
        user_agent=user_agent[:300] or None,
        traceparent=traceparent if _TRACEPARENT.fullmatch(traceparent) else None,
    )


def log_request(method: str, path: str, route: str | None, status: int, seconds: float) -> None:
    """Count an answered request and log it; `route` is None when none fits."""
    telemetry.observe_request(method, route, status, seconds)
    if path not in UNLOGGED:
        logger.info(
            "request",
            extra={
                "method": method,
                "path": path,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 1),
            },
        )
