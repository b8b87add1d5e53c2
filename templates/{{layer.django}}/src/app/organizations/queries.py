"""Reads of organizations, members and invitations."""

from uuid import UUID

from django.db.models import QuerySet

from app.core.db.rows import get_or_404, page
from app.core.models import ClockTimestamp
from app.core.security.roles import Role
from app.organizations.models import Invitation, Membership, Organization
from app.organizations.rules import MemberView, OrganizationView


def get_role(organization_id: UUID, user_id: UUID) -> Role | None:
    """Return a user's role; None for a non-member, and for an unknown organization."""
    role = (
        Membership.tenant.filter(organization_id=organization_id, user_id=user_id)
        .values_list("role", flat=True)
        .first()
    )
    return None if role is None else Role(role)


def get_organization(organization_id: UUID) -> Organization:
    """Load the organization of the transaction, or raise NotFound."""
    return get_or_404(Organization.tenant.filter(id=organization_id), "organization")


def list_organizations(
    *, user_id: UUID, limit: int, cursor: str | None
) -> tuple[list[OrganizationView], str | None]:
    """List the organizations that a user belongs to, oldest first."""
    memberships, next_cursor = page(
        Membership.objects.filter(user_id=user_id).select_related("organization"),
        "organization_id",
        limit=limit,
        cursor=cursor,
        bound_to={"list": "organizations", "user_id": user_id},
    )
    items = [OrganizationView.of(row.organization, Role(row.role)) for row in memberships]
    return items, next_cursor


def list_members(
    *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[MemberView], str | None]:
    """List an organization's members in the order in which they joined."""
    memberships, next_cursor = page(
        _members(organization_id),
        "created_at",
        "user_id",
        limit=limit,
        cursor=cursor,
        bound_to={"list": "members", "organization_id": organization_id},
    )
    return [_with_user(row) for row in memberships], next_cursor


def get_member(*, organization_id: UUID, user_id: UUID) -> MemberView:
    """Load one member, or raise NotFound."""
    rows = _members(organization_id).filter(user_id=user_id)
    return _with_user(get_or_404(rows, "member"))


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
    return page(
        Invitation.tenant.filter(organization_id=organization_id, expires_at__gt=ClockTimestamp()),
        "id",
        limit=limit,
        cursor=cursor,
        bound_to={"list": "invitations", "organization_id": organization_id},
    )


def get_invitation(*, organization_id: UUID, invitation_id: UUID) -> Invitation:
    """Load an open invitation, or raise NotFound."""
    rows = Invitation.tenant.filter(
        organization_id=organization_id, id=invitation_id, expires_at__gt=ClockTimestamp()
    )
    return get_or_404(rows, "invitation")
