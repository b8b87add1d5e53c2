"""Who asks, and on whose behalf: the context that logs, audit and jobs share."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, as the audit log keeps it; `label` outlives the account or key."""

    type: Literal["user", "api_key", "system"]
    id: UUID | None
    label: str


@dataclass(slots=True)
class Context:
    """Set at the door by the HTTP layer, or by the worker from the outbox row."""

    request_id: str
    client_ip: str | None = None
    user_agent: str | None = None
    traceparent: str | None = None
    organization_id: UUID | None = None
    actor: Actor | None = None


_context: ContextVar[Context] = ContextVar("app_context")


def current() -> Context:
    """The context of this request or job; an empty one outside both (shell, tests)."""
    return _context.get(None) or Context(request_id="-")


def bind(context: Context) -> None:
    """Make `context` current for this task and everything it awaits."""
    _context.set(context)
