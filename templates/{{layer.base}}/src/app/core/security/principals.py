"""Principals: the authenticated caller of a request."""

from dataclasses import dataclass
from uuid import UUID

from app.core.context import Actor
from app.core.security.roles import Role, Scope


@dataclass(frozen=True, slots=True)
class UserPrincipal:
    id: UUID
    email: str
    session_id: UUID

    @property
    def key(self) -> str:
        """Identifier of the caller for rate limits and idempotency keys."""
        return f"user:{self.id}"

    @property
    def actor(self) -> Actor:
        """The actor of audit events."""
        return Actor("user", self.id, self.email)


@dataclass(frozen=True, slots=True)
class KeyPrincipal:
    """An API key, which has access to its own organization only."""

    id: UUID
    name: str
    organization_id: UUID
    scopes: frozenset[Scope]

    @property
    def key(self) -> str:
        """Identifier of the caller for rate limits and idempotency keys."""
        return f"api_key:{self.id}"

    @property
    def actor(self) -> Actor:
        """The actor of audit events."""
        return Actor("api_key", self.id, self.name)


type Principal = UserPrincipal | KeyPrincipal


@dataclass(frozen=True, slots=True)
class Member:
    """A caller with access to one organization.

    `role` is the role of a user; for an API key, which has scopes instead, it is the role that the
    route requires.
    """

    organization_id: UUID
    principal: Principal
    role: Role

    @property
    def user_id(self) -> UUID | None:
        """The user's id; None for an API key."""
        return self.principal.id if isinstance(self.principal, UserPrincipal) else None
