"""Who a request acts for, once its credentials are accepted."""

from dataclasses import dataclass
from uuid import UUID

from app.core.context import Actor
from app.core.security.roles import Role, Scope


@dataclass(frozen=True, slots=True)
class UserPrincipal:
    """A signed-in user."""

    id: UUID
    email: str
    session_id: UUID

    @property
    def key(self) -> str:
        """Name of the caller for rate limits and idempotency keys."""
        return f"user:{self.id}"

    @property
    def actor(self) -> Actor:
        """The user as the audit log names him."""
        return Actor("user", self.id, self.email)


@dataclass(frozen=True, slots=True)
class KeyPrincipal:
    """An API key, which acts for its own organization only."""

    id: UUID
    name: str
    organization_id: UUID
    scopes: frozenset[Scope]

    @property
    def key(self) -> str:
        """Name of the caller for rate limits and idempotency keys."""
        return f"api_key:{self.id}"

    @property
    def actor(self) -> Actor:
        """The key as the audit log names it."""
        return Actor("api_key", self.id, self.name)


type Principal = UserPrincipal | KeyPrincipal


@dataclass(frozen=True, slots=True)
class Member:
    """A caller inside one organization.

    `role` is a user's own; an API key, which has scopes instead, gets the one the route asks for.
    """

    organization_id: UUID
    principal: Principal
    role: Role

    @property
    def user_id(self) -> UUID | None:
        """The user, or None when an API key acts."""
        return self.principal.id if isinstance(self.principal, UserPrincipal) else None
