"""HTTP of projects."""

from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from app.core.schemas import Name
from app.core.security.roles import Role, Scope
from app.core.web.access import MemberRequest, idempotent, require
from app.core.web.openapi_responses import problem_responses
from app.core.web.parameters import IdempotencyKey, IfMatch, PageQuery
from app.projects import queries, rules, schemas, service
from app.projects.models import Project

router = Router(tags=["projects"])

PROJECTS = "/organizations/{uuid:organization_id}/projects"
PROJECT = f"{PROJECTS}/{{uuid:project_id}}"

reader = require(Role.VIEWER, scope=Scope.PROJECTS_READ)
writer = require(Role.MEMBER, scope=Scope.PROJECTS_WRITE)


class ProjectsQuery(PageQuery):
    """Which projects to list, and how."""

    sort: schemas.ProjectSort = schemas.ProjectSort.CREATED_AT_DESC
    status: schemas.ProjectStatus | None = None
    q: Annotated[Name | None, Field(description="A part of the name")] = None


@router.get(PROJECTS, auth=reader, response=schemas.ProjectPage)
def list_projects(
    request: MemberRequest, organization_id: UUID, query: Query[ProjectsQuery]
) -> schemas.ProjectPage:
    """List projects."""
    items, next_cursor = queries.list_projects(
        organization_id=organization_id,
        limit=query.limit,
        cursor=query.cursor,
        sort=query.sort,
        status=query.status,
        q=query.q,
    )
    return schemas.ProjectPage(items=[_show(item) for item in items], next_cursor=next_cursor)


@router.post(
    PROJECTS,
    auth=writer,
    response={201: schemas.Project},
    openapi_extra={"responses": problem_responses(409)},
)
@idempotent
def create_project(
    request: MemberRequest,
    response: HttpResponse,
    organization_id: UUID,
    body: schemas.ProjectCreate,
    idempotency_key: IdempotencyKey = None,
) -> schemas.Project:
    """Create a project."""
    project = service.create_project(
        organization_id=organization_id,
        created_by=request.auth.user_id,
        name=body.name,
        description=body.description,
    )
    response.headers["Location"] = f"/api/v1/organizations/{organization_id}/projects/{project.id}"
    response.headers["ETag"] = rules.project_etag(project)
    return _show(project)


@router.post(
    f"{PROJECTS}/import",
    auth=writer,
    response={201: schemas.ProjectImported},
    openapi_extra={"responses": problem_responses(409)},
)
@idempotent
def import_projects(
    request: MemberRequest,
    organization_id: UUID,
    body: schemas.ProjectImport,
    idempotency_key: IdempotencyKey = None,
) -> schemas.ProjectImported:
    """Create up to 1,000 projects, all or none."""
    created = service.import_projects(
        organization_id=organization_id, created_by=request.auth.user_id, items=body.items
    )
    return schemas.ProjectImported(created=created)


@router.get(PROJECT, auth=reader, response=schemas.Project)
def get_project(
    request: MemberRequest, response: HttpResponse, organization_id: UUID, project_id: UUID
) -> schemas.Project:
    """Read a project."""
    project = queries.get_project(organization_id=organization_id, project_id=project_id)
    response.headers["ETag"] = rules.project_etag(project)
    return _show(project)


@router.patch(
    PROJECT,
    auth=writer,
    response=schemas.Project,
    openapi_extra={"responses": problem_responses(409)},
)
def update_project(
    request: MemberRequest,
    response: HttpResponse,
    organization_id: UUID,
    project_id: UUID,
    body: schemas.ProjectUpdate,
    if_match: IfMatch = None,
) -> schemas.Project:
    """Change a project."""
    project = service.update_project(
        organization_id=organization_id,
        project_id=project_id,
        if_match=if_match,
        **body.model_dump(exclude_unset=True),
    )
    response.headers["ETag"] = rules.project_etag(project)
    return _show(project)


@router.delete(PROJECT, auth=writer, response={204: None})
def delete_project(
    request: MemberRequest, organization_id: UUID, project_id: UUID, if_match: IfMatch = None
) -> None:
    """Delete a project."""
    service.delete_project(
        organization_id=organization_id, project_id=project_id, if_match=if_match
    )


def _show(project: Project) -> schemas.Project:
    return schemas.Project(
        id=project.id,
        organization_id=project.organization_id,
        name=project.name,
        description=project.description,
        status=schemas.ProjectStatus(project.status),
        created_by=project.created_by_id,
        created_at=project.created_at,
        updated_at=project.updated_at,
        version=project.version,
    )
