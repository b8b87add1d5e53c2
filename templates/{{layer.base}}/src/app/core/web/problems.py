"""Problem details (RFC 9457): maps domain errors to HTTP status codes and bodies."""

from enum import StrEnum
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


class ProblemType(StrEnum):
    """The kinds of problems, as stable URI paths."""

    BAD_REQUEST = "/problems/bad-request"
    CONFLICT = "/problems/conflict"
    FORBIDDEN = "/problems/forbidden"
    HTTP_ERROR = "/problems/http-error"
    IDEMPOTENCY_CONFLICT = "/problems/idempotency-conflict"
    IDEMPOTENCY_MISMATCH = "/problems/idempotency-mismatch"
    INTERNAL_ERROR = "/problems/internal-error"
    METHOD_NOT_ALLOWED = "/problems/method-not-allowed"
    MFA_REQUIRED = "/problems/mfa-required"
    NOT_ACCEPTABLE = "/problems/not-acceptable"
    NOT_FOUND = "/problems/not-found"
    PAYLOAD_TOO_LARGE = "/problems/payload-too-large"
    PRECONDITION_FAILED = "/problems/precondition-failed"
    RATE_LIMITED = "/problems/rate-limited"
    UNAUTHENTICATED = "/problems/unauthenticated"
    UNAVAILABLE = "/problems/unavailable"
    UNSUPPORTED_MEDIA_TYPE = "/problems/unsupported-media-type"
    VALIDATION_ERROR = "/problems/validation-error"


class ProblemError(BaseModel):
    """One invalid value of a request."""

    pointer: str = Field(description="RFC 6901 pointer into the body, or the parameter's name")
    code: str
    detail: str


class Problem(BaseModel):
    """The body of every error."""

    type: ProblemType
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemError] | None = None


# The first class that matches decides: subclasses come first.
_KINDS: tuple[tuple[type[AppError], int, ProblemType, str], ...] = (
    (MfaRequired, 401, ProblemType.MFA_REQUIRED, "Second factor required"),
    (Unauthenticated, 401, ProblemType.UNAUTHENTICATED, "Not authenticated"),
    (Forbidden, 403, ProblemType.FORBIDDEN, "Forbidden"),
    (NotFound, 404, ProblemType.NOT_FOUND, "Not found"),
    (IdempotencyConflict, 409, ProblemType.IDEMPOTENCY_CONFLICT, "Request in progress"),
    (Conflict, 409, ProblemType.CONFLICT, "Conflict"),
    (PreconditionFailed, 412, ProblemType.PRECONDITION_FAILED, "Precondition failed"),
    (Invalid, 422, ProblemType.VALIDATION_ERROR, "Invalid input"),
    (IdempotencyMismatch, 422, ProblemType.IDEMPOTENCY_MISMATCH, "Idempotency key reused"),
    (RateLimited, 429, ProblemType.RATE_LIMITED, "Too many requests"),
    (Unavailable, 503, ProblemType.UNAVAILABLE, "Service unavailable"),
)

# Errors of the HTTP layer, raised before or outside of domain code.
_HTTP: dict[int, tuple[ProblemType, str]] = {
    400: (ProblemType.BAD_REQUEST, "Bad request"),
    401: (ProblemType.UNAUTHENTICATED, "Not authenticated"),
    403: (ProblemType.FORBIDDEN, "Forbidden"),
    404: (ProblemType.NOT_FOUND, "Not found"),
    405: (ProblemType.METHOD_NOT_ALLOWED, "Method not allowed"),
    406: (ProblemType.NOT_ACCEPTABLE, "Not acceptable"),
    413: (ProblemType.PAYLOAD_TOO_LARGE, "Payload too large"),
    415: (ProblemType.UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
    422: (ProblemType.VALIDATION_ERROR, "Invalid input"),
    500: (ProblemType.INTERNAL_ERROR, "Internal server error"),
    503: (ProblemType.UNAVAILABLE, "Service unavailable"),
}


def _body(
    status: int, problem: ProblemType, title: str, detail: str, instance: str
) -> dict[str, Any]:
    return {
        "type": problem,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "request_id": context.current().request_id,
    }


def from_error(error: AppError, instance: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, extra headers and body; `instance` is the path of the request."""
    status, problem, title = next(
        (status, problem, title)
        for kind, status, problem, title in _KINDS
        if isinstance(error, kind)
    )
    body = _body(status, problem, title, error.detail, instance)
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
    problem, title = _HTTP.get(status, (ProblemType.HTTP_ERROR, "HTTP error"))
    return _body(status, problem, title, detail or f"{title}.", instance)


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
