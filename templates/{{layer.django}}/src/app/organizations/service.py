"""Use cases of organizations, members and invitations."""

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from app.accounts import queries as accounts
from app.audit import service as audit
from app.core.db import tenancy
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.ids import uuid7
from app.core.jobs.outbox import enqueue
from app.core.models import ClockTimestamp
from app.core.security.roles import Role
from app.core.security.tokens import invalid_token, read_tenant_row_token
from app.core.web.preconditions import etag, require_match
from app.organizations import queries
from app.organizations.models import Invitation, Membership, Organization
from app.organizations.queries import OrganizationView

INVITATION_LIFETIME = timedelta(days=7)
INVITATION = "invitation"


def create_organization(*, user_id: UUID, name: str) -> OrganizationView:
    """Create an organization with the user as its owner."""
    organization = Organization(id=uuid7(), name=name)
    tenancy.enter_organization(organization.id)
    organization.save(force_insert=True)
    Membership.tenant.create(organization_id=organization.id, user_id=user_id, role=Role.OWNER)
    audit.record(
        organization_id=organization.id,
        action="organization.created",
        target_type="organization",
        target_id=organization.id,
        changes={"name": name},
    )
    return queries.view(organization, Role.OWNER)


def organization_etag(organization: Organization | OrganizationView, role: Role) -> str:
    """Return the ETag for a role: the response contains the role."""
    return etag(organization.version, role.value)


def update_organization(
    *, organization_id: UUID, role: Role, name: str, if_match: str | None
) -> OrganizationView:
    """Rename an organization; PreconditionFailed when `if_match` is not its ETag."""
    organization = _lock(organization_id)
    require_match(if_match, organization_etag(organization, role))
    if organization.name != name:
        changes = {"name": [organization.name, name]}
        organization.name = name
        organization.version += 1
        organization.save()
        audit.record(
            organization_id=organization_id,
            action="organization.updated",
            target_type="organization",
            target_id=organization_id,
            changes=changes,
        )
    return queries.view(organization, role)


def delete_organization(*, organization_id: UUID, role: Role, if_match: str | None) -> None:
    """Delete an organization with all its rows, the audit log included."""
    organization = _lock(organization_id)
    require_match(if_match, organization_etag(organization, role))
    organization.delete()


def _lock(organization_id: UUID) -> Organization:
    """Lock the organization's row, which serialises changes of its owners."""
    organization = Organization.tenant.select_for_update().filter(id=organization_id).first()
    if organization is None:
        raise NotFound("organization")
    return organization


def _lock_membership(organization_id: UUID, user_id: UUID) -> Membership:
    # The organization first: of two owners who demote each other at once, one must fail.
    _lock(organization_id)
    membership = (
        Membership.tenant.select_for_update()
        .filter(organization_id=organization_id, user_id=user_id)
        .first()
    )
    if membership is None:
        raise NotFound("member")
    return membership


def _refuse_last_owner(membership: Membership) -> None:
    if membership.role == Role.OWNER and queries.count_owners(membership.organization_id) == 1:
        raise Conflict("An organization must keep at least one owner.")


def change_role(
    *, organization_id: UUID, user_id: UUID, role: Role, by: Role
) -> queries.MemberView:
    """Change a member's role. `by` is the caller's role: only owners change owners."""
    membership = _lock_membership(organization_id, user_id)
    if Role.OWNER in {role, Role(membership.role)} and by is not Role.OWNER:
        raise Forbidden("Only an owner makes or unmakes owners.")
    if membership.role != role:
        _refuse_last_owner(membership)
        changes = {"role": [membership.role, role]}
        membership.role = role
        membership.save()
        audit.record(
            organization_id=organization_id,
            action="member.role_changed",
            target_type="user",
            target_id=user_id,
            changes=changes,
        )
    return queries.get_member(organization_id=organization_id, user_id=user_id)


def remove_member(*, organization_id: UUID, user_id: UUID, by: Role, by_user_id: UUID) -> None:
    """Remove a member. Admins remove others, members leave, only owners remove owners."""
    if user_id != by_user_id and not by.includes(Role.ADMIN):
        raise Forbidden("This needs the role admin.")
    membership = _lock_membership(organization_id, user_id)
    if membership.role == Role.OWNER and by is not Role.OWNER:
        raise Forbidden("Only an owner makes or unmakes owners.")
    _refuse_last_owner(membership)
    membership.delete()
    audit.record(
        organization_id=organization_id,
        action="member.removed",
        target_type="user",
        target_id=user_id,
        changes={"role": [membership.role, None]},
    )


def leave_all_organizations(*, user_id: UUID, **_: object) -> None:
    """Remove a user from all organizations before the account is deleted.

    Conflict for the last owner of an organization. Call `tenancy.enter_user` first.
    """
    for organization_id in queries.list_organization_ids(user_id):
        tenancy.enter_organization(organization_id)
        role = queries.get_role(organization_id, user_id)
        if role is not None:
            remove_member(
                organization_id=organization_id, user_id=user_id, by=role, by_user_id=user_id
            )
        tenancy.leave_organization()


def create_invitation(
    *, organization_id: UUID, email: str, role: Role, by: Role, by_user_id: UUID
) -> Invitation:
    """Invite an e-mail address, and enqueue the mail with the token."""
    if role is Role.OWNER and by is not Role.OWNER:
        raise Forbidden("Only an owner makes or unmakes owners.")
    user_id = accounts.find_user_id(email)
    if user_id is not None and queries.get_role(organization_id, user_id):
        raise Conflict("The address belongs to a member already.")
    Invitation.tenant.filter(
        organization_id=organization_id, email=email, expires_at__lte=ClockTimestamp()
    ).delete()
    try:
        with transaction.atomic():
            invitation = Invitation.tenant.create(
                organization_id=organization_id,
                email=email,
                role=role,
                invited_by_id=by_user_id,
                expires_at=ClockTimestamp() + INVITATION_LIFETIME,
            )
    except IntegrityError as error:
        raise Conflict("The address has an open invitation.") from error
    enqueue("organizations.send_invitation", invitation_id=invitation.id)
    audit.record(
        organization_id=organization_id,
        action="invitation.created",
        target_type="invitation",
        target_id=invitation.id,
        changes={"email": email, "role": role},
    )
    return invitation


def revoke_invitation(*, organization_id: UUID, invitation_id: UUID) -> None:
    """Revoke an open invitation and its token."""
    invitation = queries.get_invitation(
        organization_id=organization_id, invitation_id=invitation_id
    )
    invitation.delete()
    audit.record(
        organization_id=organization_id,
        action="invitation.revoked",
        target_type="invitation",
        target_id=invitation_id,
        changes={"email": invitation.email},
    )


def accept_invitation(*, user_id: UUID, email: str, token: str) -> OrganizationView:
    """Make the user a member. The token is valid once, for 7 days, for the invited address."""
    organization_id, invitation_id = read_tenant_row_token(INVITATION, token)
    tenancy.enter_organization(organization_id)
    # Of two concurrent requests, the second waits for the lock and finds the row deleted.
    invitation = (
        Invitation.tenant.select_for_update()
        .filter(
            organization_id=organization_id,
            id=invitation_id,
            expires_at__gt=ClockTimestamp(),
        )
        .first()
    )
    if invitation is None:
        raise invalid_token()
    if invitation.email != email:
        raise Forbidden("The invitation was sent to another address.")
    invitation.delete()
    try:
        with transaction.atomic():
            Membership.tenant.create(
                organization_id=organization_id, user_id=user_id, role=invitation.role
            )
    except IntegrityError as error:
        raise Conflict("You are a member already.") from error
    audit.record(
        organization_id=organization_id,
        action="member.joined",
        target_type="user",
        target_id=user_id,
        changes={"role": [None, invitation.role]},
    )
    organization = queries.get_organization(organization_id)
    return queries.view(organization, Role(invitation.role))
