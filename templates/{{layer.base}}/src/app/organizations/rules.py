"""Rules of organizations, members and invitations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self
from uuid import UUID

from app.core.errors import Conflict, Forbidden
from app.core.security.roles import Role
from app.core.web.preconditions import etag

# Purpose of the token in the mail of an invitation.
INVITATION = "invitation"
INVITATION_LIFETIME = timedelta(days=7)


class Organization(Protocol):
    """A row of an organization."""

    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def version(self) -> int: ...


@dataclass(frozen=True, slots=True)
class OrganizationView:
    """An organization with the caller's role."""

    id: UUID
    name: str
    role: Role
    created_at: datetime
    updated_at: datetime
    version: int

    @classmethod
    def of(cls, organization: Organization, role: Role) -> Self:
        return cls(
            id=organization.id,
            name=organization.name,
            role=role,
            created_at=organization.created_at,
            updated_at=organization.updated_at,
            version=organization.version,
        )


@dataclass(frozen=True, slots=True)
class MemberView:
    """A membership with the fields of the user that other members may see."""

    user_id: UUID
    email: str
    name: str
    role: Role
    created_at: datetime


def organization_etag(organization: Organization | OrganizationView, role: Role) -> str:
    """Return the ETag for callers of one role: the representation contains the role."""
    return etag(organization.version, role.value)


def check_role_change(*, before: Role | None, after: Role | None, by: Role) -> None:
    """Raise Forbidden when `by`, the caller's role, is too low; None: no member before or after."""
    if Role.OWNER in {before, after} and by is not Role.OWNER:
        raise Forbidden("Only an owner makes or unmakes owners.")


def check_removal(*, of_self: bool, by: Role) -> None:
    """Raise Forbidden unless it is the caller who leaves, or an admin."""
    if not of_self and not by.includes(Role.ADMIN):
        raise Forbidden("This needs the role admin.")


def check_owners_left(owners: int) -> None:
    """Raise Conflict when one of this many owners must not go."""
    if owners == 1:
        raise Conflict("An organization must keep at least one owner.")


def check_invited(*, email: str, invited_email: str) -> None:
    """Raise Forbidden for another address than the invited one."""
    if email != invited_email:
        raise Forbidden("The invitation was sent to another address.")


def already_invited() -> Conflict:
    return Conflict("The address has an open invitation.")


def already_member() -> Conflict:
    return Conflict("You are a member already.")


def address_of_member() -> Conflict:
    return Conflict("The address belongs to a member already.")
