"""Reads of projects."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from app.core.db.pagination import read_cursor, sign_cursor
from app.core.errors import NotFound
from app.core.schemas import fold
from app.projects.models import Project
from app.projects.schemas import ProjectSort, ProjectStatus


def get_project(session: Session, *, organization_id: UUID, project_id: UUID) -> Project:
    """Return a project, or raise NotFound."""
    project = session.scalar(
        select(Project).where(Project.organization_id == organization_id, Project.id == project_id)
    )
    if project is None:
        raise NotFound("project")
    return project


def list_projects(
    session: Session,
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

    # The sort keys are unique: a cursor must identify one row.
    by_name = sort in {ProjectSort.NAME, ProjectSort.NAME_DESC}
    keys = [Project.name_key] if by_name else [Project.created_at, Project.id]
    descending = sort.startswith("-")
    query = query.order_by(*(key.desc() if descending else key.asc() for key in keys))

    bound_to = {
        "list": "projects",
        "organization_id": organization_id,
        "sort": sort,
        "status": status,
        "q": q,
    }
    if cursor is not None:
        position: tuple[object, ...] = (
            read_cursor(cursor, tuple[str], bound_to=bound_to)
            if by_name
            else read_cursor(cursor, tuple[datetime, UUID], bound_to=bound_to)
        )
        row = tuple_(*keys)
        query = query.where(row < position if descending else row > position)

    rows = list(session.scalars(query.limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    position = (last.name_key,) if by_name else (last.created_at, last.id)
    return rows[:limit], sign_cursor(position, bound_to=bound_to)


def read_projects(
    session: Session, *, organization_id: UUID, batch: int
) -> Iterator[list[Project]]:
    """Yield all projects of an organization, oldest first, in lists of up to `batch`."""
    cursor: str | None = None
    while True:
        page, cursor = list_projects(
            session,
            organization_id=organization_id,
            limit=batch,
            cursor=cursor,
            sort=ProjectSort.CREATED_AT,
        )
        yield page
        if cursor is None:
            return


def count_by_status(session: Session, organization_id: UUID) -> dict[ProjectStatus, int]:
    """Count projects by status; a status without projects has 0."""
    rows = session.execute(
        select(Project.status, func.count())
        .where(Project.organization_id == organization_id)
        .group_by(Project.status)
    )
    return dict.fromkeys(ProjectStatus, 0) | {
        ProjectStatus(status): count for status, count in rows
    }
