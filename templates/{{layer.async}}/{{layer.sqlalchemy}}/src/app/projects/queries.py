"""Reads of projects."""

from collections.abc import AsyncIterator
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.rows import get_or_404, page
from app.core.schemas import fold
from app.projects.models import Project
from app.projects.schemas import ProjectSort, ProjectStatus


async def get_project(session: AsyncSession, *, organization_id: UUID, project_id: UUID) -> Project:
    """Return a project, or raise NotFound."""
    query = select(Project).where(
        Project.organization_id == organization_id, Project.id == project_id
    )
    return await get_or_404(session, query, "project")


async def list_projects(
    session: AsyncSession,
    *,
    organization_id: UUID,
    limit: int,
    cursor: str | None = None,
    sort: ProjectSort = ProjectSort.CREATED_AT_DESC,
    status: ProjectStatus | None = None,
    q: str | None = None,
) -> tuple[list[Project], str | None]:
    """Return a page of projects and the next cursor; `q` matches a part of the name."""
    query = select(Project).where(Project.organization_id == organization_id)
    if status is not None:
        query = query.where(Project.status == status)
    if q is not None:
        query = query.where(Project.name_key.contains(fold(q), autoescape=True))

    return await page(
        session,
        query,
        *((Project.name_key,) if sort.by_name else (Project.created_at, Project.id)),
        limit=limit,
        cursor=cursor,
        bound_to={
            "list": "projects",
            "organization_id": organization_id,
            "sort": sort,
            "status": status,
            "q": q,
        },
        descending=sort.descending,
    )


async def read_projects(
    session: AsyncSession, *, organization_id: UUID, batch: int
) -> AsyncIterator[list[Project]]:
    """Yield all projects of an organization, oldest first, in lists of up to `batch`."""
    cursor: str | None = None
    while True:
        projects, cursor = await list_projects(
            session,
            organization_id=organization_id,
            limit=batch,
            cursor=cursor,
            sort=ProjectSort.CREATED_AT,
        )
        yield projects
        if cursor is None:
            return


async def count_by_status(session: AsyncSession, organization_id: UUID) -> dict[ProjectStatus, int]:
    """Count projects by status; a status without projects has 0."""
    rows = await session.execute(
        select(Project.status, func.count())
        .where(Project.organization_id == organization_id)
        .group_by(Project.status)
    )
    return dict.fromkeys(ProjectStatus, 0) | {
        ProjectStatus(status): count for status, count in rows
    }
