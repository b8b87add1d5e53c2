"""Use cases of organizations, members and invitations."""

from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries as accounts
from app.audit import service as audit
from app.core.db import tenancy
from app.core.db.changes import apply_changes, changed_fields
from app.core.db.rows import lock_or_404
from app.core.ids import uuid7
from app.core.jobs.outbox import enqueue
from app.core.security.roles import Role
from app.core.security.tokens import invalid_token, read_tenant_row_token
from app.core.web.preconditions import require_match
from app.organizations import queries, rules
from app.organizations.models import Invitation, Membership, Organization
from app.organizations.rules import MemberView, OrganizationView


async def create_organization(
    session: AsyncSession, *, user_id: UUID, name: str
) -> OrganizationView:
    """Create an organization with the user as its owner."""
    organization = Organization(id=uuid7(), name=name)
    await tenancy.enter_organization(session, organization.id)
    session.add(organization)
    # Before the membership: without a relationship, SQLAlchemy does not order the inserts.
    await session.flush()
    session.add(Membership(organization_id=organization.id, user_id=user_id, role=Role.OWNER))
    await session.flush()
    await audit.record(
        session,
        organization_id=organization.id,
        action="organization.created",
        target_type="organization",
        target_id=organization.id,
        changes={"name": name},
    )
    await session.refresh(organization)
    return OrganizationView.of(organization, Role.OWNER)


async def update_organization(
    session: AsyncSession, *, organization_id: UUID, role: Role, name: str, if_match: str | None
) -> OrganizationView:
    """Rename an organization; PreconditionFailed when `if_match` is not its ETag."""
    organization = await _lock(session, organization_id)
    require_match(if_match, rules.organization_etag(organization, role))
    changes = changed_fields(organization, {"name": name})
    if changes:
        apply_changes(organization, changes)
        await session.flush()
        await session.refresh(organization)
        await audit.record(
            session,
            organization_id=organization_id,
            action="organization.updated",
            target_type="organization",
            target_id=organization_id,
            changes=changes,
        )
    return OrganizationView.of(organization, role)


async def delete_organization(
    session: AsyncSession, *, organization_id: UUID, role: Role, if_match: str | None
) -> None:
    """Delete an organization with all its rows, the audit log included."""
    organization = await _lock(session, organization_id)
    require_match(if_match, rules.organization_etag(organization, role))
    await session.execute(delete(Organization).where(Organization.id == organization_id))


async def _lock(session: AsyncSession, organization_id: UUID) -> Organization:
    """Return the organization under a row lock, which serialises changes of its owners."""
    query = select(Organization).where(Organization.id == organization_id)
    return await lock_or_404(session, query, "organization")


async def _lock_membership(
    session: AsyncSession, organization_id: UUID, user_id: UUID
) -> Membership:
    # The organization is locked first: otherwise two owners who demote each other at the same
    # time would both succeed, and no owner would remain.
    await _lock(session, organization_id)
    query = select(Membership).where(
        Membership.organization_id == organization_id, Membership.user_id == user_id
    )
    return await lock_or_404(session, query, "member")


async def _refuse_last_owner(session: AsyncSession, membership: Membership) -> None:
    if membership.role == Role.OWNER:
        rules.check_owners_left(await queries.count_owners(session, membership.organization_id))


async def change_role(
    session: AsyncSession, *, organization_id: UUID, user_id: UUID, role: Role, by: Role
) -> MemberView:
    """Change a member's role. `by` is the caller's role: only owners grant or remove OWNER."""
    membership = await _lock_membership(session, organization_id, user_id)
    rules.check_role_change(before=Role(membership.role), after=role, by=by)
    changes = changed_fields(membership, {"role": role})
    if changes:
        await _refuse_last_owner(session, membership)
        membership.role = role
        await session.flush()
        await audit.record(
            session,
            organization_id=organization_id,
            action="member.role_changed",
            target_type="user",
            target_id=user_id,
            changes=changes,
        )
    (member,) = await queries.view_members(session, [membership])
    return member


async def remove_member(
    session: AsyncSession, *, organization_id: UUID, user_id: UUID, by: Role, by_user_id: UUID
) -> None:
    """Remove a member. Members may leave; others need ADMIN, or OWNER to remove an owner."""
    rules.check_removal(of_self=user_id == by_user_id, by=by)
    membership = await _lock_membership(session, organization_id, user_id)
    rules.check_role_change(before=Role(membership.role), after=None, by=by)
    await _refuse_last_owner(session, membership)
    await session.delete(membership)
    await session.flush()
    await audit.record(
        session,
        organization_id=organization_id,
        action="member.removed",
        target_type="user",
        target_id=user_id,
        changes={"role": [membership.role, None]},
    )


async def leave_all_organizations(session: AsyncSession, *, user_id: UUID) -> None:
    """Remove a user from all organizations; Conflict if one would have no owner left.

    Call `tenancy.enter_user` first, and no `tenancy.enter_organization`.
    """
    for organization_id in await queries.list_organization_ids(session, user_id):
        await tenancy.enter_organization(session, organization_id)
        role = await queries.get_role(session, organization_id, user_id)
        if role is not None:
            await remove_member(
                session,
                organization_id=organization_id,
                user_id=user_id,
                by=role,
                by_user_id=user_id,
            )
        await tenancy.leave_organization(session)


async def create_invitation(
    session: AsyncSession,
    *,
    organization_id: UUID,
    email: str,
    role: Role,
    by: Role,
    by_user_id: UUID,
) -> Invitation:
    """Invite an address and enqueue the mail with the token."""
    rules.check_role_change(before=None, after=role, by=by)
    user_id = await accounts.find_user_id(session, email)
    if user_id is not None and await queries.get_role(session, organization_id, user_id):
        raise rules.address_of_member()
    await session.execute(
        delete(Invitation).where(
            Invitation.organization_id == organization_id,
            Invitation.email == email,
            Invitation.expires_at <= func.clock_timestamp(),
        )
    )
    invitation: Invitation | None = await session.scalar(
        insert(Invitation)
        .values(
            id=uuid7(),
            organization_id=organization_id,
            email=email,
            role=role,
            invited_by=by_user_id,
            expires_at=func.clock_timestamp() + rules.INVITATION_LIFETIME,
        )
        .on_conflict_do_nothing()
        .returning(Invitation)
    )
    if invitation is None:
        raise rules.already_invited()
    await enqueue(session, "organizations.send_invitation", invitation_id=invitation.id)
    await audit.record(
        session,
        organization_id=organization_id,
        action="invitation.created",
        target_type="invitation",
        target_id=invitation.id,
        changes={"email": email, "role": role},
    )
    return invitation


async def revoke_invitation(
    session: AsyncSession, *, organization_id: UUID, invitation_id: UUID
) -> None:
    """Delete an open invitation; its token stops working."""
    invitation = await queries.get_invitation(
        session, organization_id=organization_id, invitation_id=invitation_id
    )
    await session.delete(invitation)
    await session.flush()
    await audit.record(
        session,
        organization_id=organization_id,
        action="invitation.revoked",
        target_type="invitation",
        target_id=invitation_id,
        changes={"email": invitation.email},
    )


async def accept_invitation(
    session: AsyncSession, *, user_id: UUID, email: str, token: str
) -> OrganizationView:
    """Add the user as a member.

    Raises Invalid for a token that is forged, used or expired, Forbidden for another address than
    the invited one.
    """
    organization_id, invitation_id = read_tenant_row_token(rules.INVITATION, token)
    await tenancy.enter_organization(session, organization_id)
    # One DELETE ... RETURNING: of concurrent requests with the same token, one succeeds.
    invitation = (
        await session.execute(
            delete(Invitation)
            .where(
                Invitation.id == invitation_id,
                Invitation.organization_id == organization_id,
                Invitation.expires_at > func.clock_timestamp(),
            )
            .returning(Invitation.email, Invitation.role)
        )
    ).one_or_none()
    if invitation is None:
        raise invalid_token()
    rules.check_invited(email=email, invited_email=invitation.email)
    joined = await session.scalar(
        insert(Membership)
        .values(organization_id=organization_id, user_id=user_id, role=invitation.role)
        .on_conflict_do_nothing()
        .returning(Membership.user_id)
    )
    if joined is None:
        raise rules.already_member()
    await audit.record(
        session,
        organization_id=organization_id,
        action="member.joined",
        target_type="user",
        target_id=user_id,
        changes={"role": [None, invitation.role]},
    )
    organization = await queries.get_organization(session, organization_id)
    return OrganizationView.of(organization, Role(invitation.role))
