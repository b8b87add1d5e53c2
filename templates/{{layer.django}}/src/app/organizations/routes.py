"""HTTP of organizations, members and invitations."""

from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router

from app.core.security.roles import Role
from app.core.web.access import MemberRequest, UserRequest, current_user, idempotent, require
from app.core.web.openapi_responses import problem_responses
from app.core.web.parameters import IdempotencyKey, IfMatch, PageQuery
from app.organizations import queries, rules, schemas, service
from app.organizations.models import Invitation

router = Router(tags=["organizations"])

ORGANIZATIONS = "/organizations"
ORGANIZATION = "/organizations/{uuid:organization_id}"
MEMBERS = f"{ORGANIZATION}/members"
MEMBER = f"{MEMBERS}/{{uuid:user_id}}"
INVITATIONS = f"{ORGANIZATION}/invitations"
INVITATION = f"{INVITATIONS}/{{uuid:invitation_id}}"
CONFLICT = {"responses": problem_responses(409)}

viewer = require(Role.VIEWER)
admin = require(Role.ADMIN)
owner = require(Role.OWNER)


@router.post(ORGANIZATIONS, auth=current_user, response={201: schemas.Organization})
@idempotent
def create_organization(
    request: UserRequest,
    response: HttpResponse,
    body: schemas.OrganizationCreate,
    idempotency_key: IdempotencyKey = None,
) -> schemas.Organization:
    """Create an organization.

    The caller becomes its owner.
    """
    organization = service.create_organization(user_id=request.auth.id, name=body.name)
    response.headers["Location"] = f"/api/v1/organizations/{organization.id}"
    return _show(response, organization)


@router.get(ORGANIZATIONS, auth=current_user, response=schemas.OrganizationPage)
def list_organizations(request: UserRequest, query: Query[PageQuery]) -> schemas.OrganizationPage:
    """List the caller's organizations, oldest first."""
    items, next_cursor = queries.list_organizations(
        user_id=request.auth.id, limit=query.limit, cursor=query.cursor
    )
    return schemas.OrganizationPage(
        items=[schemas.Organization.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@router.get(ORGANIZATION, auth=viewer, response=schemas.Organization)
def get_organization(
    request: MemberRequest, response: HttpResponse, organization_id: UUID
) -> schemas.Organization:
    """Read an organization."""
    organization = queries.get_organization(organization_id)
    return _show(response, rules.OrganizationView.of(organization, request.auth.role))


@router.patch(ORGANIZATION, auth=admin, response=schemas.Organization)
def update_organization(
    request: MemberRequest,
    response: HttpResponse,
    organization_id: UUID,
    body: schemas.OrganizationUpdate,
    if_match: IfMatch = None,
) -> schemas.Organization:
    """Rename an organization."""
    organization = service.update_organization(
        organization_id=organization_id,
        role=request.auth.role,
        name=body.name,
        if_match=if_match,
    )
    return _show(response, organization)


@router.delete(ORGANIZATION, auth=owner, response={204: None})
def delete_organization(
    request: MemberRequest, organization_id: UUID, if_match: IfMatch = None
) -> None:
    """Delete an organization with everything in it."""
    service.delete_organization(
        organization_id=organization_id, role=request.auth.role, if_match=if_match
    )


@router.get(MEMBERS, auth=viewer, response=schemas.MemberPage)
def list_members(
    request: MemberRequest, organization_id: UUID, query: Query[PageQuery]
) -> schemas.MemberPage:
    """List the members in the order in which they joined."""
    items, next_cursor = queries.list_members(
        organization_id=organization_id, limit=query.limit, cursor=query.cursor
    )
    return schemas.MemberPage(
        items=[schemas.OrganizationMember.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@router.patch(MEMBER, auth=admin, response=schemas.OrganizationMember, openapi_extra=CONFLICT)
def update_member(
    request: MemberRequest, organization_id: UUID, user_id: UUID, body: schemas.MemberUpdate
) -> schemas.OrganizationMember:
    """Change a member's role.

    Only owners grant or remove the role owner, and one must remain.
    """
    changed = service.change_role(
        organization_id=organization_id, user_id=user_id, role=body.role, by=request.auth.role
    )
    return schemas.OrganizationMember.model_validate(changed)


@router.delete(MEMBER, auth=viewer, response={204: None}, openapi_extra=CONFLICT)
def remove_member(request: MemberRequest, organization_id: UUID, user_id: UUID) -> None:
    """Remove a member, or leave.

    One owner must remain.
    """
    service.remove_member(
        organization_id=organization_id,
        user_id=user_id,
        by=request.auth.role,
        by_user_id=request.auth.principal.id,
    )


@router.post(INVITATIONS, auth=admin, response={201: schemas.Invitation}, openapi_extra=CONFLICT)
@idempotent
def create_invitation(
    request: MemberRequest,
    response: HttpResponse,
    organization_id: UUID,
    body: schemas.InvitationCreate,
    idempotency_key: IdempotencyKey = None,
) -> schemas.Invitation:
    """Invite an address.

    The token is sent by mail.
    """
    invitation = service.create_invitation(
        organization_id=organization_id,
        email=body.email,
        role=body.role,
        by=request.auth.role,
        by_user_id=request.auth.principal.id,
    )
    response.headers["Location"] = (
        f"/api/v1/organizations/{organization_id}/invitations/{invitation.id}"
    )
    return _show_invitation(invitation)


@router.get(INVITATIONS, auth=admin, response=schemas.InvitationPage)
def list_invitations(
    request: MemberRequest, organization_id: UUID, query: Query[PageQuery]
) -> schemas.InvitationPage:
    """List the open invitations, oldest first."""
    items, next_cursor = queries.list_invitations(
        organization_id=organization_id, limit=query.limit, cursor=query.cursor
    )
    return schemas.InvitationPage(
        items=[_show_invitation(item) for item in items], next_cursor=next_cursor
    )


@router.get(INVITATION, auth=admin, response=schemas.Invitation)
def get_invitation(
    request: MemberRequest, organization_id: UUID, invitation_id: UUID
) -> schemas.Invitation:
    """Read an open invitation."""
    invitation = queries.get_invitation(
        organization_id=organization_id, invitation_id=invitation_id
    )
    return _show_invitation(invitation)


@router.delete(INVITATION, auth=admin, response={204: None})
def revoke_invitation(request: MemberRequest, organization_id: UUID, invitation_id: UUID) -> None:
    """Revoke an invitation."""
    service.revoke_invitation(organization_id=organization_id, invitation_id=invitation_id)


@router.post(
    "/invitations/accept",
    auth=current_user,
    response=schemas.Organization,
    openapi_extra={"responses": problem_responses(403, 409)},
)
def accept_invitation(request: UserRequest, body: schemas.InvitationAccept) -> schemas.Organization:
    """Join an organization with the token from the mail.

    It works once.
    """
    organization = service.accept_invitation(
        user_id=request.auth.id, email=request.auth.email, token=body.token
    )
    return schemas.Organization.model_validate(organization)


def _show(response: HttpResponse, organization: rules.OrganizationView) -> schemas.Organization:
    response.headers["ETag"] = rules.organization_etag(organization, organization.role)
    return schemas.Organization.model_validate(organization)


def _show_invitation(invitation: Invitation) -> schemas.Invitation:
    return schemas.Invitation(
        id=invitation.id,
        organization_id=invitation.organization_id,
        email=invitation.email,
        role=Role(invitation.role),
        invited_by=invitation.invited_by_id,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )
