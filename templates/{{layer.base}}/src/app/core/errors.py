"""Domain errors, independent of HTTP: `app.core.web.problems` maps them to responses (rule 3)."""

from dataclasses import dataclass
from typing import ClassVar


class AppError(Exception):
    """Base class of expected failures. `detail` is sent to the client: no secrets."""

    # True commits the transaction in spite of the error: a reused refresh token, for example, is
    # rejected, and the end of its session must be saved.
    commits: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unauthenticated(AppError):
    """The credentials are missing or not accepted."""


class MfaRequired(Unauthenticated):
    """The password is correct, and a second factor is required."""


class Forbidden(AppError):
    """The caller is authenticated, but lacks the role or scope."""


class NotFound(AppError):
    """The resource does not exist, or the caller must not learn that it does."""

    def __init__(self, what: str = "resource") -> None:
        super().__init__(f"No such {what}.")


class Conflict(AppError):
    """The current state does not allow the request."""


class IdempotencyConflict(Conflict):
    """The first request with this idempotency key has not finished yet."""


class PreconditionFailed(AppError):
    """`If-Match` does not name the current version."""


class RateLimited(AppError):
    """Too many requests; `retry_after` is in seconds."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(AppError):
    """A dependency that the request needs does not respond."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid value. `pointer` is an RFC 6901 pointer into the body, or a parameter's name."""

    pointer: str
    code: str
    detail: str


class Invalid(AppError):
    """The input is well-formed, but a value is not acceptable."""

    def __init__(self, *, pointer: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.errors = (FieldError(pointer, code, detail),)


class IdempotencyMismatch(AppError):
    """An idempotency key was reused with a different request body."""
