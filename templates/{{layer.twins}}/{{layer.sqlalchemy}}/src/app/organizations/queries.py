"""Reads of organizations, members and invitations."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.core.db.rows import get_or_404, page, page_rows
from app.core.security.roles import Role
from app.organizations.models import Invitation, Membership, Organization
from app.organizations.rules import MemberView, OrganizationView


def get_role(session: Session, organization_id: UUID, user_id: UUID) -> Role | None:
    """Return a user's role; None for a non-member or an organization that does not exist."""
    role = session.scalar(
        select(Membership.role).where(
            Membership.organization_id == organization_id, Membership.user_id == user_id
        )
    )
    return None if role is None else Role(role)


def get_organization(session: Session, organization_id: UUID) -> Organization:
    """Return the organization of the transaction's tenant, or raise NotFound."""
    query = select(Organization).where(Organization.id == organization_id)
    return get_or_404(session, query, "organization")


def list_organizations(
    session: Session, *, user_id: UUID, limit: int, cursor: str | None
) -> tuple[list[OrganizationView], str | None]:
    """Return a page of the user's organizations, oldest first, and the next cursor."""
    query = (
        select(Organization, Membership.role)
        .join(Membership, Membership.organization_id == Organization.id)
        .where(Membership.user_id == user_id)
    )
    rows, next_cursor = page_rows(
        session,
        query,
        Organization.id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "organizations", "user_id": user_id},
    )
    items = [OrganizationView.of(organization, Role(role)) for organization, role in rows]
    return items, next_cursor


def list_members(
    session: Session, *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[MemberView], str | None]:
    """Return a page of the members in the order in which they joined, and the next cursor."""
    memberships, next_cursor = page(
        session,
        select(Membership).where(Membership.organization_id == organization_id),
        Membership.created_at,
        Membership.user_id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "members", "organization_id": organization_id},
    )
    return view_members(session, memberships), next_cursor


def view_members(session: Session, memberships: Sequence[Membership]) -> list[MemberView]:
    """Return the members of an organization with the names of their users."""
    users = accounts.get_users(session, [item.user_id for item in memberships])
    return [
        MemberView(
            user_id=item.user_id,
            email=users[item.user_id].email,
            name=users[item.user_id].name,
            role=Role(item.role),
            created_at=item.created_at,
        )
        for item in memberships
    ]


def count_members(session: Session, organization_id: UUID) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Membership)
            .where(Membership.organization_id == organization_id)
        )
        or 0
    )


def count_owners(session: Session, organization_id: UUID) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Membership)
            .where(Membership.organization_id == organization_id, Membership.role == Role.OWNER)
        )
        or 0
    )


def list_organization_ids(session: Session, user_id: UUID) -> list[UUID]:
    """Return the ids of a user's organizations; call `tenancy.enter_user` first."""
    return list(
        session.scalars(
            select(Membership.organization_id)
            .where(Membership.user_id == user_id)
            .order_by(Membership.organization_id)
        )
    )


def list_invitations(
    session: Session, *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[Invitation], str | None]:
    """Return a page of the open invitations, oldest first, and the next cursor."""
    return page(
        session,
        select(Invitation).where(
            Invitation.organization_id == organization_id,
            Invitation.expires_at > func.clock_timestamp(),
        ),
        Invitation.id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "invitations", "organization_id": organization_id},
    )


def get_invitation(session: Session, *, organization_id: UUID, invitation_id: UUID) -> Invitation:
    """Return an open invitation, or raise NotFound."""
    query = select(Invitation).where(
        Invitation.organization_id == organization_id,
        Invitation.id == invitation_id,
        Invitation.expires_at > func.clock_timestamp(),
    )
    return get_or_404(session, query, "invitation")
