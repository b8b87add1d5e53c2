"""Security headers of every response, and the headers of CORS (Fetch Standard)."""

from app.core.errors import Forbidden
from app.settings import settings

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "no-store",
}
# Not for https://localhost in development: browsers would refuse http:// on every port of it.
if settings.environment == "production":
    SECURITY_HEADERS["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"

# What scripts of CORS_ORIGINS may send and read.
CORS_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CORS_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-ID",
)
CORS_RESPONSE_HEADERS = (
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
)
# Of the response to a preflight from an allowed origin, whatever method and headers it asks for:
# the browser compares them, and tells the developer which one is not in the list.
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": ", ".join(CORS_METHODS),
    "Access-Control-Allow-Headers": ", ".join(CORS_REQUEST_HEADERS),
    "Access-Control-Max-Age": "600",
}


def cors_headers(origin: str | None) -> dict[str, str]:
    """Return the headers of each response to an origin of CORS_ORIGINS; empty for any other."""
    if origin is None or origin not in settings.cors_origins:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": ", ".join(CORS_RESPONSE_HEADERS),
    }


def origin_not_allowed() -> Forbidden:
    """Return the error of a preflight from an origin that is not one of CORS_ORIGINS."""
    return Forbidden("The `Origin` of the page is not one of CORS_ORIGINS.")
