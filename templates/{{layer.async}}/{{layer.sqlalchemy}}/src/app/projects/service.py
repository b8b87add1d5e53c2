"""Use cases of projects."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import service as audit
from app.core.db.changes import apply_changes, changed_fields
from app.core.db.rows import lock_or_404
from app.core.ids import uuid7
from app.core.schemas import fold
from app.core.web.preconditions import require_match
from app.projects import rules
from app.projects.models import Project
from app.projects.schemas import ProjectCreate, ProjectStatus


async def create_project(
    session: AsyncSession,
    *,
    organization_id: UUID,
    created_by: UUID | None,
    name: str,
    description: str,
) -> Project:
    """Create a project; Conflict when the name exists in the organization."""
    values = _row(organization_id, created_by, name, description)
    # Not SELECT, then INSERT: concurrent requests would both find the name free.
    project: Project | None = await session.scalar(
        insert(Project).values(values).on_conflict_do_nothing().returning(Project)
    )
    if project is None:
        raise rules.name_taken(name)
    await audit.record(
        session,
        organization_id=organization_id,
        action="project.created",
        target_type="project",
        target_id=project.id,
        changes={"name": name},
    )
    return project


async def import_projects(
    session: AsyncSession,
    *,
    organization_id: UUID,
    created_by: UUID | None,
    items: Sequence[ProjectCreate],
) -> int:
    """Create many projects in one statement, all or none; returns the number."""
    wanted = rules.by_name_key(items)
    rows = [_row(organization_id, created_by, item.name, item.description) for item in items]
    created = set(
        await session.scalars(
            insert(Project).values(rows).on_conflict_do_nothing().returning(Project.name_key)
        )
    )
    for key, item in wanted.items():
        if key not in created:
            raise rules.name_taken(item.name)
    await audit.record(
        session,
        organization_id=organization_id,
        action="project.imported",
        target_type="organization",
        target_id=organization_id,
        changes={"created": len(created)},
    )
    return len(created)


async def update_project(
    session: AsyncSession,
    *,
    organization_id: UUID,
    project_id: UUID,
    if_match: str | None,
    name: str | None = None,
    description: str | None = None,
    status: ProjectStatus | None = None,
) -> Project:
    """Change the fields that are not None; PreconditionFailed unless `if_match` is the ETag."""
    project = await _lock(session, organization_id=organization_id, project_id=project_id)
    require_match(if_match, rules.project_etag(project))
    wanted = {"name": name, "description": description, "status": status}
    changes = changed_fields(project, wanted)
    if not changes:
        return project
    apply_changes(project, changes)
    project.name_key = fold(project.name)
    taken = rules.name_taken(project.name)
    try:
        await session.flush()
    except IntegrityError as error:
        raise taken from error
    await session.refresh(project)
    await audit.record(
        session,
        organization_id=organization_id,
        action="project.updated",
        target_type="project",
        target_id=project_id,
        changes=changes,
    )
    return project


async def delete_project(
    session: AsyncSession, *, organization_id: UUID, project_id: UUID, if_match: str | None
) -> None:
    """Delete a project; PreconditionFailed unless `if_match` is the ETag."""
    project = await _lock(session, organization_id=organization_id, project_id=project_id)
    require_match(if_match, rules.project_etag(project))
    await session.delete(project)
    await session.flush()
    await audit.record(
        session,
        organization_id=organization_id,
        action="project.deleted",
        target_type="project",
        target_id=project_id,
        changes={"name": project.name},
    )


def _row(
    organization_id: UUID, created_by: UUID | None, name: str, description: str
) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "organization_id": organization_id,
        "name": name,
        "name_key": fold(name),
        "description": description,
        "created_by": created_by,
    }


async def _lock(session: AsyncSession, *, organization_id: UUID, project_id: UUID) -> Project:
    query = select(Project).where(
        Project.organization_id == organization_id, Project.id == project_id
    )
    return await lock_or_404(session, query, "project")
