"""HTTP of projects."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.schemas import Name
from app.core.security.principals import Member
from app.core.security.roles import Role, Scope
from app.core.web.access import Idempotent, require
from app.core.web.http import IfMatch, SessionDep, UnitOfWorkRoute, set_etag
from app.core.web.openapi_responses import problem_responses
from app.core.web.parameters import Cursor, Limit
from app.projects import queries, rules, schemas, service

router = APIRouter(
    prefix="/organizations/{organization_id}/projects",
    route_class=UnitOfWorkRoute,
    tags=["projects"],
)

Reader = Annotated[Member, Depends(require(Role.VIEWER, scope=Scope.PROJECTS_READ))]
Writer = Annotated[Member, Depends(require(Role.MEMBER, scope=Scope.PROJECTS_WRITE))]


@router.get("")
async def list_projects(
    member: Reader,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    sort: schemas.ProjectSort = schemas.ProjectSort.CREATED_AT_DESC,
    status: schemas.ProjectStatus | None = None,
    q: Annotated[Name | None, Query(description="A part of the name")] = None,
) -> schemas.ProjectPage:
    """List projects."""
    items, next_cursor = await queries.list_projects(
        session,
        organization_id=member.organization_id,
        limit=limit,
        cursor=cursor,
        sort=sort,
        status=status,
        q=q,
    )
    return schemas.ProjectPage(
        items=[schemas.Project.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@router.post("", status_code=201, responses=problem_responses(409))
async def create_project(
    body: schemas.ProjectCreate,
    member: Writer,
    session: SessionDep,
    response: Response,
    _: Idempotent,
) -> schemas.Project:
    """Create a project."""
    project = await service.create_project(
        session,
        organization_id=member.organization_id,
        created_by=member.user_id,
        name=body.name,
        description=body.description,
    )
    response.headers["Location"] = (
        f"/api/v1/organizations/{member.organization_id}/projects/{project.id}"
    )
    set_etag(response, rules.project_etag(project))
    return schemas.Project.model_validate(project)


@router.post("/import", status_code=201, responses=problem_responses(409))
async def import_projects(
    body: schemas.ProjectImport, member: Writer, session: SessionDep, _: Idempotent
) -> schemas.ProjectImported:
    """Create up to 1,000 projects, all or none."""
    created = await service.import_projects(
        session,
        organization_id=member.organization_id,
        created_by=member.user_id,
        items=body.items,
    )
    return schemas.ProjectImported(created=created)


@router.get("/{project_id}")
async def get_project(
    project_id: UUID, member: Reader, session: SessionDep, response: Response
) -> schemas.Project:
    """Read a project."""
    project = await queries.get_project(
        session, organization_id=member.organization_id, project_id=project_id
    )
    set_etag(response, rules.project_etag(project))
    return schemas.Project.model_validate(project)


@router.patch("/{project_id}", responses=problem_responses(409))
async def update_project(
    project_id: UUID,
    body: schemas.ProjectUpdate,
    member: Writer,
    session: SessionDep,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.Project:
    """Change a project."""
    project = await service.update_project(
        session,
        organization_id=member.organization_id,
        project_id=project_id,
        if_match=if_match,
        **body.model_dump(exclude_unset=True),
    )
    set_etag(response, rules.project_etag(project))
    return schemas.Project.model_validate(project)


@router.delete("/{project_id}", status_code=204)
async def delete_project(
    project_id: UUID, member: Writer, session: SessionDep, if_match: IfMatch = None
) -> None:
    """Delete a project."""
    await service.delete_project(
        session,
        organization_id=member.organization_id,
        project_id=project_id,
        if_match=if_match,
    )
