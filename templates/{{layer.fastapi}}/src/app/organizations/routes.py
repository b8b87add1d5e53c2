"""HTTP of organizations, members and invitations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.security.principals import Member
from app.core.security.roles import Role
from app.core.web.access import CurrentUser, Idempotent, require
from app.core.web.http import IfMatch, SessionDep, UnitOfWorkRoute, set_etag
from app.core.web.openapi_responses import problem_responses
from app.core.web.parameters import Cursor, Limit
from app.organizations import queries, rules, schemas, service

router = APIRouter(route_class=UnitOfWorkRoute, tags=["organizations"])

Viewer = Annotated[Member, Depends(require(Role.VIEWER))]
Admin = Annotated[Member, Depends(require(Role.ADMIN))]
Owner = Annotated[Member, Depends(require(Role.OWNER))]


@router.post("/organizations", status_code=201)
async def create_organization(
    body: schemas.OrganizationCreate,
    user: CurrentUser,
    session: SessionDep,
    response: Response,
    _: Idempotent,
) -> schemas.Organization:
    """Create an organization.

    The caller becomes its owner.
    """
    organization = await service.create_organization(session, user_id=user.id, name=body.name)
    response.headers["Location"] = f"/api/v1/organizations/{organization.id}"
    set_etag(response, rules.organization_etag(organization, organization.role))
    return schemas.Organization.model_validate(organization)


@router.get("/organizations")
async def list_organizations(
    user: CurrentUser, session: SessionDep, limit: Limit = 20, cursor: Cursor = None
) -> schemas.OrganizationPage:
    """List the caller's organizations, oldest first."""
    items, next_cursor = await queries.list_organizations(
        session, user_id=user.id, limit=limit, cursor=cursor
    )
    return schemas.OrganizationPage(
        items=[schemas.Organization.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@router.get("/organizations/{organization_id}")
async def get_organization(
    member: Viewer, session: SessionDep, response: Response
) -> schemas.Organization:
    """Read an organization."""
    organization = await queries.get_organization(session, member.organization_id)
    role = member.role
    set_etag(response, rules.organization_etag(organization, role))
    return schemas.Organization.model_validate(rules.OrganizationView.of(organization, role))


@router.patch("/organizations/{organization_id}")
async def update_organization(
    body: schemas.OrganizationUpdate,
    member: Admin,
    session: SessionDep,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.Organization:
    """Rename an organization."""
    organization = await service.update_organization(
        session,
        organization_id=member.organization_id,
        role=member.role,
        name=body.name,
        if_match=if_match,
    )
    set_etag(response, rules.organization_etag(organization, organization.role))
    return schemas.Organization.model_validate(organization)


@router.delete("/organizations/{organization_id}", status_code=204)
async def delete_organization(member: Owner, session: SessionDep, if_match: IfMatch = None) -> None:
    """Delete an organization with everything in it."""
    await service.delete_organization(
        session,
        organization_id=member.organization_id,
        role=member.role,
        if_match=if_match,
    )


@router.get("/organizations/{organization_id}/members")
async def list_members(
    member: Viewer, session: SessionDep, limit: Limit = 20, cursor: Cursor = None
) -> schemas.MemberPage:
    """List the members in the order in which they joined."""
    items, next_cursor = await queries.list_members(
        session, organization_id=member.organization_id, limit=limit, cursor=cursor
    )
    return schemas.MemberPage(
        items=[schemas.OrganizationMember.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@router.patch(
    "/organizations/{organization_id}/members/{user_id}",
    responses=problem_responses(409),
)
async def update_member(
    user_id: UUID, body: schemas.MemberUpdate, member: Admin, session: SessionDep
) -> schemas.OrganizationMember:
    """Change a member's role.

    Only owners grant or remove the role owner, and one must remain.
    """
    changed = await service.change_role(
        session,
        organization_id=member.organization_id,
        user_id=user_id,
        role=body.role,
        by=member.role,
    )
    return schemas.OrganizationMember.model_validate(changed)


@router.delete(
    "/organizations/{organization_id}/members/{user_id}",
    status_code=204,
    responses=problem_responses(409),
)
async def remove_member(user_id: UUID, member: Viewer, session: SessionDep) -> None:
    """Remove a member, or leave.

    One owner must remain.
    """
    await service.remove_member(
        session,
        organization_id=member.organization_id,
        user_id=user_id,
        by=member.role,
        by_user_id=member.principal.id,
    )


@router.post(
    "/organizations/{organization_id}/invitations",
    status_code=201,
    responses=problem_responses(409),
)
async def create_invitation(
    body: schemas.InvitationCreate,
    member: Admin,
    session: SessionDep,
    response: Response,
    _: Idempotent,
) -> schemas.Invitation:
    """Invite an address.

    The token is sent by mail.
    """
    invitation = await service.create_invitation(
        session,
        organization_id=member.organization_id,
        email=body.email,
        role=body.role,
        by=member.role,
        by_user_id=member.principal.id,
    )
    response.headers["Location"] = (
        f"/api/v1/organizations/{member.organization_id}/invitations/{invitation.id}"
    )
    return schemas.Invitation.model_validate(invitation)


@router.get("/organizations/{organization_id}/invitations")
async def list_invitations(
    member: Admin, session: SessionDep, limit: Limit = 20, cursor: Cursor = None
) -> schemas.InvitationPage:
    """List the open invitations, oldest first."""
    items, next_cursor = await queries.list_invitations(
        session, organization_id=member.organization_id, limit=limit, cursor=cursor
    )
    return schemas.InvitationPage(
        items=[schemas.Invitation.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@router.get(
    "/organizations/{organization_id}/invitations/{invitation_id}",
)
async def get_invitation(
    invitation_id: UUID, member: Admin, session: SessionDep
) -> schemas.Invitation:
    """Read an open invitation."""
    invitation = await queries.get_invitation(
        session, organization_id=member.organization_id, invitation_id=invitation_id
    )
    return schemas.Invitation.model_validate(invitation)


@router.delete(
    "/organizations/{organization_id}/invitations/{invitation_id}",
    status_code=204,
)
async def revoke_invitation(invitation_id: UUID, member: Admin, session: SessionDep) -> None:
    """Revoke an invitation."""
    await service.revoke_invitation(
        session, organization_id=member.organization_id, invitation_id=invitation_id
    )


@router.post(
    "/invitations/accept",
    responses=problem_responses(403, 409),
)
async def accept_invitation(
    body: schemas.InvitationAccept, user: CurrentUser, session: SessionDep
) -> schemas.Organization:
    """Join an organization with the token from the mail.

    It works once.
    """
    organization = await service.accept_invitation(
        session, user_id=user.id, email=user.email, token=body.token
    )
    return schemas.Organization.model_validate(organization)
