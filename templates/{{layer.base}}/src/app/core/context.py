"""Who asks, and on whose behalf: the context that logs, audit and jobs share."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal
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
    # The address of the member of the staff who did it: in the admin, or acting as the actor.
    impersonated_by: str | None = None


_context: ContextVar[Context] = ContextVar("app_context")


def current() -> Context:
    """The context of this request or job; an empty one outside both (shell, tests)."""
    return _context.get(None) or Context(request_id="-")


def bind(context: Context) -> None:
    """Make `context` current for this request or job and everything it calls."""
    _context.set(context)


def pack() -> dict[str, Any]:
    """Make JSON of what a job inherits from whoever enqueues it."""
    found = current()
    return {
        "request_id": found.request_id,
        "traceparent": found.traceparent,
        "organization_id": found.organization_id and str(found.organization_id),
        "actor": found.actor
        and {
            "type": found.actor.type,
            "id": found.actor.id and str(found.actor.id),
            "label": found.actor.label,
        },
        "impersonated_by": found.impersonated_by,
    }


def unpack(packed: dict[str, Any], *, default_request_id: str) -> Context:
    """Make a job's context; `default_request_id` is for a job that no request caused."""
    organization_id, actor = packed.get("organization_id"), packed.get("actor")
    request_id = packed.get("request_id", "-")
    return Context(
        request_id=default_request_id if request_id == "-" else request_id,
        traceparent=packed.get("traceparent"),
        organization_id=UUID(organization_id) if organization_id else None,
        actor=Actor(actor["type"], actor["id"] and UUID(actor["id"]), actor["label"])
        if actor
        else None,
        impersonated_by=packed.get("impersonated_by"),
    )
