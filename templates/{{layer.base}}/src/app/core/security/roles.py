"""Roles and scopes as data: the one table that authorisation reads."""

from enum import StrEnum


class Role(StrEnum):
    """A member's role in an organization, weakest first."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do whatever `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Scope(StrEnum):
    """What an API key may do. A key can do nothing that no scope names."""

    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
