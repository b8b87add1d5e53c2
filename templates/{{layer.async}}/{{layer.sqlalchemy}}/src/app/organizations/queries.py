"""Reads of organizations, members and invitations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries as accounts
from app.core.db.pagination import read_cursor, sign_cursor
from app.core.errors import NotFound
from app.core.security.roles import Role
from app.organizations.models import Invitation, Membership, Organization


@dataclass(frozen=True, slots=True)
class OrganizationView:
    """An organization with the caller's role."""

    id: UUID
    name: str
    role: Role
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class MemberView:
    """A membership with the fields of the user that other members may see."""

    user_id: UUID
    email: str
    name: str
    role: Role
    created_at: datetime


async def get_role(session: AsyncSession, organization_id: UUID, user_id: UUID) -> Role | None:
    """Return a user's role; None for a non-member or an organization that does not exist."""
    role = await session.scalar(
        select(Membership.role).where(
            Membership.organization_id == organization_id, Membership.user_id == user_id
        )
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


async def get_organization(session: AsyncSession, organization_id: UUID) -> Organization:
    """Return the organization of the transaction's tenant, or raise NotFound."""
    organization = await session.get(Organization, organization_id)
    if organization is None:
        raise NotFound("organization")
    return organization


async def list_organizations(
    session: AsyncSession, *, user_id: UUID, limit: int, cursor: str | None
) -> tuple[list[OrganizationView], str | None]:
    """Return a page of the user's organizations, oldest first, and the next cursor."""
    bound_to = {"list": "organizations", "user_id": user_id}
    query = (
        select(Organization, Membership.role)
        .join(Membership, Membership.organization_id == Organization.id)
        .where(Membership.user_id == user_id)
        .order_by(Organization.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        (after,) = read_cursor(cursor, tuple[UUID], bound_to=bound_to)
        query = query.where(Organization.id > after)
    rows = (await session.execute(query)).all()
    items = [view(organization, Role(role)) for organization, role in rows[:limit]]
    more = len(rows) > limit
    return items, sign_cursor((items[-1].id,), bound_to=bound_to) if more else None


async def list_members(
    session: AsyncSession, *, organization_id: UUID, limit: int, cursor: str | None
) -> tuple[list[MemberView], str | None]:
    """Return a page of the members in the order in which they joined, and the next cursor."""
    bound_to = {"list": "members", "organization_id": organization_id}
    query = (
        select(Membership)
        .where(Membership.organization_id == organization_id)
        .order_by(Membership.created_at, Membership.user_id)
        .limit(limit + 1)
    )
    if cursor is not None:
        after = read_cursor(cursor, tuple[datetime, UUID], bound_to=bound_to)
        query = query.where(tuple_(Membership.created_at, Membership.user_id) > after)
    rows = (await session.scalars(query)).all()
    items = await _with_users(session, rows[:limit])
    if len(rows) <= limit:
        return items, None
    last = rows[limit - 1]
    return items, sign_cursor((last.created_at, last.user_id), bound_to=bound_to)


async def get_member(session: AsyncSession, *, organization_id: UUID, user_id: UUID) -> MemberView:
    """Return a member, or raise NotFound."""
    membership = await session.get(Membership, (organization_id, user_id))
    if membership is None:
        raise NotFound("member")
    (member,) = await _with_users(session, [membership])
    return member


async def _with_users(session: AsyncSession, memberships: Sequence[Membership]) -> list[MemberView]:
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
    bound_to = {"list": "invitations", "organization_id": organization_id}
    query = (
        select(Invitation)
        .where(
            Invitation.organization_id == organization_id,
            Invitation.expires_at > func.clock_timestamp(),
        )
        .order_by(Invitation.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        (after,) = read_cursor(cursor, tuple[UUID], bound_to=bound_to)
        query = query.where(Invitation.id > after)
    rows = list(await session.scalars(query))
    more = len(rows) > limit
    items = rows[:limit]
    return items, sign_cursor((items[-1].id,), bound_to=bound_to) if more else None


async def get_invitation(
    session: AsyncSession, *, organization_id: UUID, invitation_id: UUID
) -> Invitation:
    """Return an open invitation, or raise NotFound."""
    invitation = await session.scalar(
        select(Invitation).where(
            Invitation.organization_id == organization_id,
            Invitation.id == invitation_id,
            Invitation.expires_at > func.clock_timestamp(),
        )
    )
    if invitation is None:
        raise NotFound("invitation")
    return invitation
