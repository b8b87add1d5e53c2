"""Context of the current request or job, for logs, audit events and jobs."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """Who performed an audited action; `label` is kept when the account or key is deleted."""

    type: Literal["user", "api_key", "system"]
    id: UUID | None
    label: str


SYSTEM = Actor("system", None, "system")


@dataclass(slots=True)
class Context:
    """Set by middleware for a request, and by the worker, from the outbox row, for a job."""

    request_id: str
    client_ip: str | None = None
    user_agent: str | None = None
    traceparent: str | None = None
    organization_id: UUID | None = None
    actor: Actor | None = None
    # E-mail addresses of staff: who uses the admin, and who impersonates the actor.
    admin_user: str | None = None
    impersonated_by: str | None = None

    def staff(self) -> dict[str, str]:
        """Return `admin_user` and `impersonated_by`, where they are set, for audit records."""
        addresses = {"admin_user": self.admin_user, "impersonated_by": self.impersonated_by}
        return {name: address for name, address in addresses.items() if address is not None}


_context: ContextVar[Context] = ContextVar("app_context")


def current() -> Context:
    """Return the context of this request or job, or an empty one outside of both."""
    return _context.get(None) or Context(request_id="-")


def bind(context: Context) -> None:
    """Make `context` the current one of this thread or asyncio task."""
    _context.set(context)


def pack() -> dict[str, Any]:
    """Return the part of the current context that an enqueued job inherits, as JSON."""
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
        "admin_user": found.admin_user,
        "impersonated_by": found.impersonated_by,
    }


def unpack(packed: dict[str, Any], *, default_request_id: str) -> Context:
    """Return the context of a job; `default_request_id` is for a job that no request enqueued."""
    organization_id, actor = packed.get("organization_id"), packed.get("actor")
    request_id = packed.get("request_id", "-")
    return Context(
        request_id=default_request_id if request_id == "-" else request_id,
        traceparent=packed.get("traceparent"),
        organization_id=UUID(organization_id) if organization_id else None,
        actor=Actor(actor["type"], actor["id"] and UUID(actor["id"]), actor["label"])
        if actor
        else None,
        admin_user=packed.get("admin_user"),
        impersonated_by=packed.get("impersonated_by"),
    )
