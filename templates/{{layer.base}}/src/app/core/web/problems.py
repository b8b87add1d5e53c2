"""Problem details (RFC 9457): maps domain errors to HTTP status codes and bodies."""

from typing import Any

from pydantic import BaseModel, Field

from app.core import context
from app.core.errors import (
    AppError,
    Conflict,
    Forbidden,
    IdempotencyConflict,
    IdempotencyMismatch,
    Invalid,
    MfaRequired,
    NotFound,
    PreconditionFailed,
    RateLimited,
    Unauthenticated,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"


class ProblemError(BaseModel):
    """One invalid value of a request."""

    pointer: str = Field(description="RFC 6901 pointer into the body, or the parameter's name")
    code: str
    detail: str


class Problem(BaseModel):
    """The body of every error."""

    type: str = Field(description="Stable URI path that names the kind of problem")
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemError] | None = None


# The first class that matches decides: subclasses come first.
_KINDS: tuple[tuple[type[AppError], int, str, str], ...] = (
    (MfaRequired, 401, "mfa-required", "Second factor required"),
    (Unauthenticated, 401, "unauthenticated", "Not authenticated"),
    (Forbidden, 403, "forbidden", "Forbidden"),
    (NotFound, 404, "not-found", "Not found"),
    (IdempotencyConflict, 409, "idempotency-conflict", "Request in progress"),
    (Conflict, 409, "conflict", "Conflict"),
    (PreconditionFailed, 412, "precondition-failed", "Precondition failed"),
    (Invalid, 422, "validation-error", "Invalid input"),
    (IdempotencyMismatch, 422, "idempotency-mismatch", "Idempotency key reused"),
    (RateLimited, 429, "rate-limited", "Too many requests"),
    (Unavailable, 503, "unavailable", "Service unavailable"),
)

# Errors of the HTTP layer, raised before or outside of domain code.
_HTTP: dict[int, tuple[str, str]] = {
    400: ("bad-request", "Bad request"),
    401: ("unauthenticated", "Not authenticated"),
    403: ("forbidden", "Forbidden"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    406: ("not-acceptable", "Not acceptable"),
    413: ("payload-too-large", "Payload too large"),
    415: ("unsupported-media-type", "Unsupported media type"),
    422: ("validation-error", "Invalid input"),
    500: ("internal-error", "Internal server error"),
    503: ("unavailable", "Service unavailable"),
}


def _body(status: int, slug: str, title: str, detail: str, instance: str) -> dict[str, Any]:
    return {
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "request_id": context.current().request_id,
    }


def from_error(error: AppError, instance: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, extra headers and body; `instance` is the path of the request."""
    status, slug, title = next(
        (status, slug, title) for kind, status, slug, title in _KINDS if isinstance(error, kind)
    )
    body = _body(status, slug, title, error.detail, instance)
    headers: dict[str, str] = {}
    if isinstance(error, Invalid):
        body["errors"] = [
            {"pointer": item.pointer, "code": item.code, "detail": item.detail}
            for item in error.errors
        ]
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after)
    return status, headers, body


def from_status(status: int, instance: str, detail: str | None = None) -> dict[str, Any]:
    """Return the body for an error of the HTTP layer; a 500 reveals only the request id."""
    slug, title = _HTTP.get(status, ("http-error", "HTTP error"))
    return _body(status, slug, title, detail or f"{title}.", instance)


def from_validation(errors: list[dict[str, Any]], instance: str) -> dict[str, Any]:
    """Return a 422 body; each `loc` of Pydantic's errors starts with body, query, path or header.

    The invalid values are not returned: they may be passwords.
    """
    body = from_status(422, instance, "The request has invalid or missing values.")
    body["errors"] = [
        {"pointer": _pointer(error["loc"]), "code": error["type"], "detail": error["msg"]}
        for error in errors
    ]
    return body


def _pointer(loc: tuple[str | int, ...]) -> str:
    location, *rest = loc
    if location != "body":
        return str(rest[0]) if rest else str(location)
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in rest)
