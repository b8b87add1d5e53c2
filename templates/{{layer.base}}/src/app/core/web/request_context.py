"""Request context and access log, shared by all frameworks."""

import logging
import re
import secrets
from collections.abc import Sequence

from app.core.context import Context
from app.core.ops import telemetry
from app.core.security.client_ip import client_address
from app.settings import settings

logger = logging.getLogger("app.access")

# Other values are replaced: they could forge log lines, or make them arbitrarily long.
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

# Requested every few seconds: neither logged nor rate-limited.
MONITORING_PATHS = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})


def build_context(
    *,
    peer: str | None,
    forwarded_for: Sequence[str],
    request_id: str,
    traceparent: str,
    user_agent: str,
) -> Context:
    """Build the context of a request; headers that were not sent are empty."""
    return Context(
        request_id=request_id if _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(16),
        client_ip=client_address(peer, forwarded_for, settings.trusted_proxies),
        user_agent=user_agent[:300] or None,
        traceparent=traceparent if _TRACEPARENT.fullmatch(traceparent) else None,
    )


def log_request(method: str, path: str, route: str | None, status: int, seconds: float) -> None:
    """Record metrics and write the access log; `route` is None when no route matched."""
    telemetry.observe_request(method, route, status, seconds)
    if path not in MONITORING_PATHS:
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
