"""Use cases of organizations, members and invitations."""

from uuid import UUID

from django.db import IntegrityError, transaction

from app.accounts import queries as accounts
from app.audit import service as audit
from app.core.db import tenancy
from app.core.db.changes import apply_changes, changed_fields
from app.core.db.rows import lock_or_404
from app.core.ids import uuid7
from app.core.jobs.outbox import enqueue
from app.core.models import ClockTimestamp
from app.core.security.roles import Role
from app.core.security.tokens import invalid_token, read_tenant_row_token
from app.core.web.preconditions import require_match
from app.organizations import queries, rules
from app.organizations.models import Invitation, Membership, Organization
from app.organizations.rules import MemberView, OrganizationView


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
    return OrganizationView.of(organization, Role.OWNER)


def update_organization(
    *, organization_id: UUID, role: Role, name: str, if_match: str | None
) -> OrganizationView:
    """Rename an organization; PreconditionFailed when `if_match` is not its ETag."""
    organization = _lock(organization_id)
    require_match(if_match, rules.organization_etag(organization, role))
    changes = changed_fields(organization, {"name": name})
    if changes:
        apply_changes(organization, changes)
        organization.save()
        audit.record(
            organization_id=organization_id,
            action="organization.updated",
            target_type="organization",
            target_id=organization_id,
            changes=changes,
        )
    return OrganizationView.of(organization, role)


def delete_organization(*, organization_id: UUID, role: Role, if_match: str | None) -> None:
    """Delete an organization with all its rows, the audit log included."""
    organization = _lock(organization_id)
    require_match(if_match, rules.organization_etag(organization, role))
    organization.delete()


def _lock(organization_id: UUID) -> Organization:
    """Lock the organization's row, which serialises changes of its owners."""
    return lock_or_404(Organization.tenant.filter(id=organization_id), "organization")


def _lock_membership(organization_id: UUID, user_id: UUID) -> Membership:
    # The organization first: of two owners who demote each other at once, one must fail.
    _lock(organization_id)
    rows = Membership.tenant.filter(organization_id=organization_id, user_id=user_id)
    return lock_or_404(rows, "member")


def _refuse_last_owner(membership: Membership) -> None:
    if membership.role == Role.OWNER:
        rules.check_owners_left(queries.count_owners(membership.organization_id))


def change_role(*, organization_id: UUID, user_id: UUID, role: Role, by: Role) -> MemberView:
    """Change a member's role. `by` is the caller's role: only owners change owners."""
    membership = _lock_membership(organization_id, user_id)
    rules.check_role_change(before=Role(membership.role), after=role, by=by)
    changes = changed_fields(membership, {"role": role})
    if changes:
        _refuse_last_owner(membership)
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
    rules.check_removal(of_self=user_id == by_user_id, by=by)
    membership = _lock_membership(organization_id, user_id)
    rules.check_role_change(before=Role(membership.role), after=None, by=by)
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
    rules.check_role_change(before=None, after=role, by=by)
    user_id = accounts.find_user_id(email)
    if user_id is not None and queries.get_role(organization_id, user_id):
        raise rules.address_of_member()
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
                expires_at=ClockTimestamp() + rules.INVITATION_LIFETIME,
            )
    except IntegrityError as error:
        raise rules.already_invited() from error
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
    organization_id, invitation_id = read_tenant_row_token(rules.INVITATION, token)
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
    rules.check_invited(email=email, invited_email=invitation.email)
    invitation.delete()
    try:
        with transaction.atomic():
            Membership.tenant.create(
                organization_id=organization_id, user_id=user_id, role=invitation.role
            )
    except IntegrityError as error:
        raise rules.already_member() from error
    audit.record(
        organization_id=organization_id,
        action="member.joined",
        target_type="user",
        target_id=user_id,
        changes={"role": [None, invitation.role]},
    )
    organization = queries.get_organization(organization_id)
    return OrganizationView.of(organization, Role(invitation.role))
