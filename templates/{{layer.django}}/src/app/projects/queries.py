"""Reads of projects."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import Count

from app.core.db.rows import get_or_404, page
from app.core.schemas import fold
from app.projects.models import Project
from app.projects.schemas import ProjectSort, ProjectStatus


def get_project(*, organization_id: UUID, project_id: UUID) -> Project:
    """Load a project, or raise NotFound."""
    rows = Project.tenant.filter(organization_id=organization_id, id=project_id)
    return get_or_404(rows, "project")


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

    return page(
        projects,
        *(("name_key",) if sort.by_name else ("created_at", "id")),
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


def read_projects(*, organization_id: UUID, batch: int) -> Iterator[list[Project]]:
    """Yield all of an organization's projects, oldest first, `batch` at a time."""
    cursor: str | None = None
    while True:
        projects, cursor = list_projects(
            organization_id=organization_id,
            limit=batch,
            cursor=cursor,
            sort=ProjectSort.CREATED_AT,
        )
        yield projects
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
