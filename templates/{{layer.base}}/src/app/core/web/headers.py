"""Security headers of every response, and the methods and headers that CORS allows."""

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
if settings.public_url.startswith("https://"):
    SECURITY_HEADERS["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"

# What scripts of CORS_ORIGINS may send and read.
CORS_METHODS = ("GET", "POST", "PATCH", "DELETE")
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


def origin_not_allowed() -> Forbidden:
    """Return the error of a preflight from an origin that is not one of CORS_ORIGINS."""
    return Forbidden("The `Origin` of the page is not one of CORS_ORIGINS.")
