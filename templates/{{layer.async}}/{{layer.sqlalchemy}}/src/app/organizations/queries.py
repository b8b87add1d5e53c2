"""Reads of organizations, members and invitations."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries as accounts
from app.core.db.rows import get_or_404, page, page_rows
from app.core.security.roles import Role
from app.organizations.models import Invitation, Membership, Organization
from app.organizations.rules import MemberView, OrganizationView


async def get_role(session: AsyncSession, organization_id: UUID, user_id: UUID) -> Role | None:
    """Return a user's role; None for a non-member or an organization that does not exist."""
    role = await session.scalar(
        select(Membership.role).where(
            Membership.organization_id == organization_id, Membership.user_id == user_id
        )
    )
    return None if role is None else Role(role)


async def get_organization(session: AsyncSession, organization_id: UUID) -> Organization:
    """Return the organization of the transaction's tenant, or raise NotFound."""
    query = select(Organization).where(Organization.id == organization_id)
    return await get_or_404(session, query, "organization")


async def list_organizations(
    session: AsyncSession, *, user_id: UUID, limit: int, cursor: str | None
) -> tuple[list[OrganizationView], str | None]:
    """Return a page of the user's organizations, oldest first, and the next cursor."""
    query = (
        select(Organization, Membership.role)
        .join(Membership, Membership.organization_id == Organization.id)
        .where(Membership.user_id == user_id)
    )
    rows, next_cursor = await page_rows(
        session,
        query,
        Organization.id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "organizations", "user_id": user_id},
    )
    items = [OrganizationView.of(organization, Role(role)) for organization, role in rows]
    return items, next_cursor


async def list_members(
    session: AsyncSession, *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[MemberView], str | None]:
    """Return a page of the members in the order in which they joined, and the next cursor."""
    memberships, next_cursor = await page(
        session,
        select(Membership).where(Membership.organization_id == organization_id),
        Membership.created_at,
        Membership.user_id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "members", "organization_id": organization_id},
    )
    return await view_members(session, memberships), next_cursor


async def view_members(
    session: AsyncSession, memberships: Sequence[Membership]
) -> list[MemberView]:
    """Return the members of an organization with the names of their users."""
    users = await accounts.get_users(session, [item.user_id for item in memberships])
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


async def count_members(session: AsyncSession, organization_id: UUID) -> int:
    return (
        await session.scalar(
            select(func.count())
            .select_from(Membership)
            .where(Membership.organization_id == organization_id)
        )
        or 0
    )


async def count_owners(session: AsyncSession, organization_id: UUID) -> int:
    return (
        await session.scalar(
            select(func.count())
            .select_from(Membership)
            .where(Membership.organization_id == organization_id, Membership.role == Role.OWNER)
        )
        or 0
    )


async def list_organization_ids(session: AsyncSession, user_id: UUID) -> list[UUID]:
    """Return the ids of a user's organizations; call `tenancy.enter_user` first."""
    return list(
        await session.scalars(
            select(Membership.organization_id)
            .where(Membership.user_id == user_id)
            .order_by(Membership.organization_id)
        )
    )


async def list_invitations(
    session: AsyncSession, *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[Invitation], str | None]:
    """Return a page of the open invitations, oldest first, and the next cursor."""
    return await page(
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


async def get_invitation(
    session: AsyncSession, *, organization_id: UUID, invitation_id: UUID
) -> Invitation:
    """Return an open invitation, or raise NotFound."""
    query = select(Invitation).where(
        Invitation.organization_id == organization_id,
        Invitation.id == invitation_id,
        Invitation.expires_at > func.clock_timestamp(),
    )
    return await get_or_404(session, query, "invitation")
