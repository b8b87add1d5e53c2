"""Roles of members and scopes of API keys."""

from enum import StrEnum


class Role(StrEnum):
    """A member's role in an organization, weakest first."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"

    def includes(self, other: "Role") -> bool:
        """Return whether this role has all permissions of `other`."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Scope(StrEnum):
    """A permission of an API key; a route without a scope refuses all API keys."""

    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
    # Modules of this service's own.
