"""HTTP of organizations, members and invitations."""

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from app.core.security.principals import Member, UserPrincipal
from app.core.security.roles import Role
from app.core.web.access import current_user, idempotent, require
from app.core.web.http import db, empty_response
from app.core.web.openapi_responses import empty_answer, problem_responses
from app.core.web.parameters import Idempotency, PageQuery, Precondition
from app.organizations import queries, rules, schemas, service

blueprint = APIBlueprint("organizations", __name__, tag="organizations")

viewer = require(Role.VIEWER)
admin = require(Role.ADMIN)
owner = require(Role.OWNER)


@blueprint.post("/organizations")
@current_user
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.input(schemas.OrganizationCreate, arg_name="body")
@blueprint.output(schemas.Organization, status_code=201)
@idempotent
def create_organization(
    user: UserPrincipal, body: schemas.OrganizationCreate
) -> tuple[schemas.Organization, dict[str, str]]:
    """Create an organization.

    The caller becomes its owner.
    """
    organization = service.create_organization(db, user_id=user.id, name=body.name)
    return schemas.Organization.model_validate(organization), {
        "Location": f"/api/v1/organizations/{organization.id}",
        "ETag": rules.organization_etag(organization, organization.role),
    }


@blueprint.get("/organizations")
@current_user
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(schemas.OrganizationPage)
def list_organizations(user: UserPrincipal, query: PageQuery) -> schemas.OrganizationPage:
    """List the caller's organizations, oldest first."""
    items, next_cursor = queries.list_organizations(
        db, user_id=user.id, limit=query.limit, cursor=query.cursor
    )
    return schemas.OrganizationPage(
        items=[schemas.Organization.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@blueprint.get("/organizations/<uuid:organization_id>")
@viewer
@blueprint.output(schemas.Organization)
def get_organization(member: Member) -> tuple[schemas.Organization, dict[str, str]]:
    """Read an organization."""
    organization = queries.get_organization(db, member.organization_id)
    role = member.role
    return schemas.Organization.model_validate(rules.OrganizationView.of(organization, role)), {
        "ETag": rules.organization_etag(organization, role)
    }


@blueprint.patch("/organizations/<uuid:organization_id>")
@admin
@blueprint.input(Precondition, location="headers", arg_name="precondition")
@blueprint.input(schemas.OrganizationUpdate, arg_name="body")
@blueprint.output(schemas.Organization)
def update_organization(
    member: Member, precondition: Precondition, body: schemas.OrganizationUpdate
) -> tuple[schemas.Organization, dict[str, str]]:
    """Rename an organization."""
    organization = service.update_organization(
        db,
        organization_id=member.organization_id,
        role=member.role,
        name=body.name,
        if_match=precondition.if_match,
    )
    return schemas.Organization.model_validate(organization), {
        "ETag": rules.organization_etag(organization, organization.role)
    }


@blueprint.delete("/organizations/<uuid:organization_id>")
@owner
@blueprint.input(Precondition, location="headers", arg_name="precondition")
@blueprint.doc(responses=empty_answer())
def delete_organization(member: Member, precondition: Precondition) -> Response:
    """Delete an organization with everything in it."""
    service.delete_organization(
        db,
        organization_id=member.organization_id,
        role=member.role,
        if_match=precondition.if_match,
    )
    return empty_response()


@blueprint.get("/organizations/<uuid:organization_id>/members")
@viewer
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(schemas.MemberPage)
def list_members(member: Member, query: PageQuery) -> schemas.MemberPage:
    """List the members in the order in which they joined."""
    items, next_cursor = queries.list_members(
        db, organization_id=member.organization_id, limit=query.limit, cursor=query.cursor
    )
    return schemas.MemberPage(
        items=[schemas.OrganizationMember.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@blueprint.patch("/organizations/<uuid:organization_id>/members/<uuid:user_id>")
@admin
@blueprint.input(schemas.MemberUpdate, arg_name="body")
@blueprint.output(schemas.OrganizationMember)
@blueprint.doc(responses=problem_responses(409))
def update_member(
    user_id: UUID, member: Member, body: schemas.MemberUpdate
) -> schemas.OrganizationMember:
    """Change a member's role.

    Only owners grant or remove the role owner, and one must remain.
    """
    changed = service.change_role(
        db,
        organization_id=member.organization_id,
        user_id=user_id,
        role=body.role,
        by=member.role,
    )
    return schemas.OrganizationMember.model_validate(changed)


@blueprint.delete("/organizations/<uuid:organization_id>/members/<uuid:user_id>")
@viewer
@blueprint.doc(responses={**empty_answer(), **problem_responses(409)})
def remove_member(user_id: UUID, member: Member) -> Response:
    """Remove a member, or leave.

    One owner must remain.
    """
    service.remove_member(
        db,
        organization_id=member.organization_id,
        user_id=user_id,
        by=member.role,
        by_user_id=member.principal.id,
    )
    return empty_response()


@blueprint.post("/organizations/<uuid:organization_id>/invitations")
@admin
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.input(schemas.InvitationCreate, arg_name="body")
@blueprint.output(schemas.Invitation, status_code=201)
@blueprint.doc(responses=problem_responses(409))
@idempotent
def create_invitation(
    member: Member, body: schemas.InvitationCreate
) -> tuple[schemas.Invitation, dict[str, str]]:
    """Invite an address.

    The token is sent by mail.
    """
    invitation = service.create_invitation(
        db,
        organization_id=member.organization_id,
        email=body.email,
        role=body.role,
        by=member.role,
        by_user_id=member.principal.id,
    )
    return schemas.Invitation.model_validate(invitation), {
        "Location": f"/api/v1/organizations/{member.organization_id}/invitations/{invitation.id}"
    }


@blueprint.get("/organizations/<uuid:organization_id>/invitations")
@admin
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(schemas.InvitationPage)
def list_invitations(member: Member, query: PageQuery) -> schemas.InvitationPage:
    """List the open invitations, oldest first."""
    items, next_cursor = queries.list_invitations(
        db, organization_id=member.organization_id, limit=query.limit, cursor=query.cursor
    )
    return schemas.InvitationPage(
        items=[schemas.Invitation.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@blueprint.get("/organizations/<uuid:organization_id>/invitations/<uuid:invitation_id>")
@admin
@blueprint.output(schemas.Invitation)
def get_invitation(invitation_id: UUID, member: Member) -> schemas.Invitation:
    """Read an open invitation."""
    invitation = queries.get_invitation(
        db, organization_id=member.organization_id, invitation_id=invitation_id
    )
    return schemas.Invitation.model_validate(invitation)


@blueprint.delete("/organizations/<uuid:organization_id>/invitations/<uuid:invitation_id>")
@admin
@blueprint.doc(responses=empty_answer())
def revoke_invitation(invitation_id: UUID, member: Member) -> Response:
    """Revoke an invitation."""
    service.revoke_invitation(
        db, organization_id=member.organization_id, invitation_id=invitation_id
    )
    return empty_response()


@blueprint.post("/invitations/accept")
@current_user
@blueprint.input(schemas.InvitationAccept, arg_name="body")
@blueprint.output(schemas.Organization)
@blueprint.doc(responses=problem_responses(403, 409))
def accept_invitation(user: UserPrincipal, body: schemas.InvitationAccept) -> schemas.Organization:
    """Join an organization with the token from the mail.

    It works once.
    """
    organization = service.accept_invitation(
        db, user_id=user.id, email=user.email, token=body.token
    )
    return schemas.Organization.model_validate(organization)
