"""Reads of organizations, members and invitations."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from app.core.db.pagination import read_cursor, sign_cursor
from app.core.errors import NotFound
from app.core.models import ClockTimestamp, after
from app.core.security.roles import Role
from app.organizations.models import Invitation, Membership, Organization


@dataclass(frozen=True, slots=True)
class OrganizationView:
    """An organization, and the role of the caller in it."""

    id: UUID
    name: str
    role: Role
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class MemberView:
    """A membership, with the fields of the user that other members may see."""

    user_id: UUID
    email: str
    name: str
    role: Role
    created_at: datetime


def get_role(organization_id: UUID, user_id: UUID) -> Role | None:
    """Return a user's role; None for a non-member, and for an unknown organization."""
    role = (
        Membership.tenant.filter(organization_id=organization_id, user_id=user_id)
        .values_list("role", flat=True)
        .first()
    )
    return None if role is None else Role(role)


def view(organization: Organization, role: Role) -> OrganizationView:
    return OrganizationView(
        id=organization.id,
        name=organization.name,
        role=role,
        created_at=organization.created_at,
        updated_at=organization.updated_at,
        version=organization.version,
    )


def get_organization(organization_id: UUID) -> Organization:
    """Load the organization of the transaction, or raise NotFound."""
    organization = Organization.tenant.filter(id=organization_id).first()
    if organization is None:
        raise NotFound("organization")
    return organization


def list_organizations(
    *, user_id: UUID, limit: int, cursor: str | None
) -> tuple[list[OrganizationView], str | None]:
    """List the organizations that a user belongs to, oldest first."""
    bound_to = {"list": "organizations", "user_id": user_id}
    memberships = (
        Membership.objects.filter(user_id=user_id)
        .select_related("organization")
        .order_by("organization_id")
    )
    if cursor is not None:
        (last,) = read_cursor(cursor, tuple[UUID], bound_to=bound_to)
        memberships = memberships.filter(organization_id__gt=last)
    rows = list(memberships[: limit + 1])
    items = [view(row.organization, Role(row.role)) for row in rows[:limit]]
    more = len(rows) > limit
    return items, sign_cursor((items[-1].id,), bound_to=bound_to) if more else None


def list_members(
    *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[MemberView], str | None]:
    """List an organization's members in the order in which they joined."""
    bound_to = {"list": "members", "organization_id": organization_id}
    keys = ("created_at", "user_id")
    memberships = _members(organization_id).order_by(*keys)
    if cursor is not None:
        position = read_cursor(cursor, tuple[datetime, UUID], bound_to=bound_to)
        memberships = memberships.filter(after(keys, position))
    rows = list(memberships[: limit + 1])
    items = [_with_user(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return items, None
    last = rows[limit - 1]
    return items, sign_cursor((last.created_at, last.user_id), bound_to=bound_to)


def get_member(*, organization_id: UUID, user_id: UUID) -> MemberView:
    """Load one member, or raise NotFound."""
    membership = _members(organization_id).filter(user_id=user_id).first()
    if membership is None:
        raise NotFound("member")
    return _with_user(membership)


def _members(organization_id: UUID) -> QuerySet[Membership]:
    """Query an organization's members, with the columns of `MemberView`."""
    return (
        Membership.tenant.filter(organization_id=organization_id)
        .select_related("user")
        .only("role", "created_at", "user__email", "user__name")
    )


def _with_user(membership: Membership) -> MemberView:
    return MemberView(
        user_id=membership.user_id,
        email=membership.user.email,
        name=membership.user.name,
        role=Role(membership.role),
        created_at=membership.created_at,
    )


def count_members(organization_id: UUID) -> int:
    return Membership.tenant.filter(organization_id=organization_id).count()


def count_owners(organization_id: UUID) -> int:
    return Membership.tenant.filter(organization_id=organization_id, role=Role.OWNER).count()


def list_organization_ids(user_id: UUID) -> list[UUID]:
    """List all organizations that a user belongs to; needs `enter_user` for that user."""
    return list(
        Membership.objects.filter(user_id=user_id)
        .order_by("organization_id")
        .values_list("organization_id", flat=True)
    )


def list_invitations(
    *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[Invitation], str | None]:
    """List the open invitations, oldest first."""
    bound_to = {"list": "invitations", "organization_id": organization_id}
    invitations = Invitation.tenant.filter(
        organization_id=organization_id, expires_at__gt=ClockTimestamp()
    ).order_by("id")
    if cursor is not None:
        (last,) = read_cursor(cursor, tuple[UUID], bound_to=bound_to)
        invitations = invitations.filter(id__gt=last)
    rows = list(invitations[: limit + 1])
    more = len(rows) > limit
    items = rows[:limit]
    return items, sign_cursor((items[-1].id,), bound_to=bound_to) if more else None


def get_invitation(*, organization_id: UUID, invitation_id: UUID) -> Invitation:
    """Load an open invitation, or raise NotFound."""
    invitation = Invitation.tenant.filter(
        organization_id=organization_id, id=invitation_id, expires_at__gt=ClockTimestamp()
    ).first()
    if invitation is None:
        raise NotFound("invitation")
    return invitation
