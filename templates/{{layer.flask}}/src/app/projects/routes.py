"""HTTP of projects."""

from typing import Annotated
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from app.core.schemas import Name
from app.core.security.principals import Member
from app.core.security.roles import Role, Scope
from app.core.web.access import idempotent, require
from app.core.web.http import db, empty_response
from app.core.web.openapi_responses import empty_answer, problem_responses
from app.core.web.parameters import Idempotency, PageQuery, Precondition
from app.projects import queries, rules, schemas, service

blueprint = APIBlueprint(
    "projects",
    __name__,
    url_prefix="/organizations/<uuid:organization_id>/projects",
    tag="projects",
)

reader = require(Role.VIEWER, scope=Scope.PROJECTS_READ)
writer = require(Role.MEMBER, scope=Scope.PROJECTS_WRITE)


class ProjectsQuery(PageQuery):
    sort: schemas.ProjectSort = schemas.ProjectSort.CREATED_AT_DESC
    status: schemas.ProjectStatus | None = None
    q: Annotated[Name | None, Field(description="A part of the name")] = None


@blueprint.get("")
@reader
@blueprint.input(ProjectsQuery, location="query", arg_name="query")
@blueprint.output(schemas.ProjectPage)
def list_projects(member: Member, query: ProjectsQuery) -> schemas.ProjectPage:
    """List projects."""
    items, next_cursor = queries.list_projects(
        db,
        organization_id=member.organization_id,
        limit=query.limit,
        cursor=query.cursor,
        sort=query.sort,
        status=query.status,
        q=query.q,
    )
    return schemas.ProjectPage(
        items=[schemas.Project.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@blueprint.post("")
@writer
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.input(schemas.ProjectCreate, arg_name="body")
@blueprint.output(schemas.Project, status_code=201)
@blueprint.doc(responses=problem_responses(409))
@idempotent
def create_project(
    member: Member, body: schemas.ProjectCreate
) -> tuple[schemas.Project, dict[str, str]]:
    """Create a project."""
    project = service.create_project(
        db,
        organization_id=member.organization_id,
        created_by=member.user_id,
        name=body.name,
        description=body.description,
    )
    return schemas.Project.model_validate(project), {
        "Location": f"/api/v1/organizations/{member.organization_id}/projects/{project.id}",
        "ETag": rules.project_etag(project),
    }


@blueprint.post("/import")
@writer
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.input(schemas.ProjectImport, arg_name="body")
@blueprint.output(schemas.ProjectImported, status_code=201)
@blueprint.doc(responses=problem_responses(409))
@idempotent
def import_projects(member: Member, body: schemas.ProjectImport) -> schemas.ProjectImported:
    """Create up to 1,000 projects, all or none."""
    created = service.import_projects(
        db,
        organization_id=member.organization_id,
        created_by=member.user_id,
        items=body.items,
    )
    return schemas.ProjectImported(created=created)


@blueprint.get("/<uuid:project_id>")
@reader
@blueprint.output(schemas.Project)
def get_project(project_id: UUID, member: Member) -> tuple[schemas.Project, dict[str, str]]:
    """Read a project."""
    project = queries.get_project(db, organization_id=member.organization_id, project_id=project_id)
    return schemas.Project.model_validate(project), {"ETag": rules.project_etag(project)}


@blueprint.patch("/<uuid:project_id>")
@writer
@blueprint.input(Precondition, location="headers", arg_name="precondition")
@blueprint.input(schemas.ProjectUpdate, arg_name="body")
@blueprint.output(schemas.Project)
@blueprint.doc(responses=problem_responses(409))
def update_project(
    project_id: UUID, member: Member, precondition: Precondition, body: schemas.ProjectUpdate
) -> tuple[schemas.Project, dict[str, str]]:
    """Change a project."""
    project = service.update_project(
        db,
        organization_id=member.organization_id,
        project_id=project_id,
        if_match=precondition.if_match,
        **body.model_dump(exclude_unset=True),
    )
    return schemas.Project.model_validate(project), {"ETag": rules.project_etag(project)}


@blueprint.delete("/<uuid:project_id>")
@writer
@blueprint.input(Precondition, location="headers", arg_name="precondition")
@blueprint.doc(responses=empty_answer())
def delete_project(project_id: UUID, member: Member, precondition: Precondition) -> Response:
    """Delete a project."""
    service.delete_project(
        db,
        organization_id=member.organization_id,
        project_id=project_id,
        if_match=precondition.if_match,
    )
    return empty_response()
