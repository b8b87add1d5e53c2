"""Reads of projects."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from app.core.db.pagination import read_cursor, sign_cursor
from app.core.errors import NotFound
from app.core.models import after
from app.core.schemas import fold
from app.projects.models import Project
from app.projects.schemas import ProjectSort, ProjectStatus


def get_project(*, organization_id: UUID, project_id: UUID) -> Project:
    """Load a project, or raise NotFound."""
    project = Project.tenant.filter(organization_id=organization_id, id=project_id).first()
    if project is None:
        raise NotFound("project")
    return project


def list_projects(
    *,
    organization_id: UUID,
    limit: int,
    cursor: str | None = None,
    sort: ProjectSort = ProjectSort.CREATED_AT_DESC,
    status: ProjectStatus | None = None,
    q: str | None = None,
) -> tuple[list[Project], str | None]:
    """List one page of an organization's projects; `q` finds a part of the name."""
    projects = Project.tenant.filter(organization_id=organization_id)
    if status is not None:
        projects = projects.filter(status=status)
    if q is not None:
        projects = projects.filter(name_key__contains=fold(q))

    # The keys identify one row: the order is total, and pages neither repeat nor skip rows.
    by_name = sort in {ProjectSort.NAME, ProjectSort.NAME_DESC}
    keys = ("name_key",) if by_name else ("created_at", "id")
    descending = sort.startswith("-")
    projects = projects.order_by(*(f"-{key}" if descending else key for key in keys))

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
        projects = projects.filter(after(keys, position, descending=descending))

    rows = list(projects[: limit + 1])
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], sign_cursor([getattr(last, key) for key in keys], bound_to=bound_to)


def read_projects(*, organization_id: UUID, batch: int) -> Iterator[list[Project]]:
    """Yield all of an organization's projects, oldest first, `batch` at a time."""
    cursor: str | None = None
    while True:
        page, cursor = list_projects(
            organization_id=organization_id,
            limit=batch,
            cursor=cursor,
            sort=ProjectSort.CREATED_AT,
        )
        yield page
        if cursor is None:
            return


def count_by_status(organization_id: UUID) -> dict[ProjectStatus, int]:
    """Count an organization's projects by status; 0 for a status without projects."""
    rows = (
        Project.tenant.filter(organization_id=organization_id)
        .order_by()
        .values_list("status")
        .annotate(count=Count("id"))
    )
    return dict.fromkeys(ProjectStatus, 0) | {
        ProjectStatus(status): count for status, count in rows
    }
