"""What can go wrong in the domain, without a word about HTTP.

Services raise these; `app.core.web.problems` is the one place that maps them to answers.
"""

from dataclasses import dataclass
from typing import ClassVar


class AppError(Exception):
    """Base of every expected failure. `detail` is shown to the caller: no secrets."""

    # True when the work done before raising must be kept: a refused token replay, say,
    # ends the session although the request itself fails.
    commits: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unauthenticated(AppError):
    """No credentials, or credentials that are not accepted."""


class MfaRequired(Unauthenticated):
    """The password is right, and a second factor is due."""


class Forbidden(AppError):
    """The caller is known and may see the thing, but lacks the role or scope."""


class NotFound(AppError):
    """The thing does not exist, or the caller must not learn that it does."""

    def __init__(self, what: str = "resource") -> None:
        super().__init__(f"No such {what}.")


class Conflict(AppError):
    """The request contradicts the present state."""


class IdempotencyConflict(Conflict):
    """The first request with this idempotency key has not finished yet."""


class PreconditionFailed(AppError):
    """`If-Match` names a version that is no longer current."""


class RateLimited(AppError):
    """Too many requests; `retry_after` is in seconds."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(AppError):
    """A dependency that the request cannot do without does not answer."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused value. `pointer` is an RFC 6901 pointer into the body, or a parameter's name."""

    pointer: str
    code: str
    detail: str


class Invalid(AppError):
    """Input that is well-formed but not acceptable."""

    def __init__(self, *, pointer: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.errors = (FieldError(pointer, code, detail),)


class IdempotencyMismatch(AppError):
    """An idempotency key was used again with another request body."""
