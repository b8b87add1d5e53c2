"""Use cases of projects."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit import service as audit
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import uuid7
from app.core.schemas import fold
from app.core.web.preconditions import etag, require_match
from app.projects.models import Project
from app.projects.schemas import ProjectCreate, ProjectStatus


def project_etag(project: Project) -> str:
    return etag(project.version)


def create_project(
    session: Session,
    *,
    organization_id: UUID,
    created_by: UUID | None,
    name: str,
    description: str,
) -> Project:
    """Create a project; Conflict when the name exists in the organization."""
    values = _row(organization_id, created_by, name, description)
    # Not SELECT, then INSERT: concurrent requests would both find the name free.
    project: Project | None = session.scalar(
        insert(Project).values(values).on_conflict_do_nothing().returning(Project)
    )
    if project is None:
        raise _name_taken(name)
    audit.record(
        session,
        organization_id=organization_id,
        action="project.created",
        target_type="project",
        target_id=project.id,
        changes={"name": name},
    )
    return project


def import_projects(
    session: Session,
    *,
    organization_id: UUID,
    created_by: UUID | None,
    items: Sequence[ProjectCreate],
) -> int:
    """Create many projects in one statement, all or none; returns the number."""
    rows: dict[str, dict[str, Any]] = {}
    for index, item in enumerate(items):
        row = _row(organization_id, created_by, item.name, item.description)
        if row["name_key"] in rows:
            raise Invalid(
                pointer=f"/items/{index}/name",
                code="duplicate",
                detail="The name stands twice in this request.",
            )
        rows[row["name_key"]] = row
    created = set(
        session.scalars(
            insert(Project)
            .values(list(rows.values()))
            .on_conflict_do_nothing()
            .returning(Project.name_key)
        )
    )
    for key, row in rows.items():
        if key not in created:
            raise _name_taken(row["name"])
    audit.record(
        session,
        organization_id=organization_id,
        action="project.imported",
        target_type="organization",
        target_id=organization_id,
        changes={"created": len(created)},
    )
    return len(created)


def update_project(
    session: Session,
    *,
    organization_id: UUID,
    project_id: UUID,
    if_match: str | None,
    name: str | None = None,
    description: str | None = None,
    status: ProjectStatus | None = None,
) -> Project:
    """Change the fields that are not None; PreconditionFailed unless `if_match` is the ETag."""
    project = _lock(session, organization_id=organization_id, project_id=project_id)
    require_match(if_match, project_etag(project))
    wanted = {"name": name, "description": description, "status": status}
    changes = {
        field: [getattr(project, field), value]
        for field, value in wanted.items()
        if value is not None and value != getattr(project, field)
    }
    if not changes:
        return project
    for field, (_, value) in changes.items():
        setattr(project, field, value)
    project.name_key = fold(project.name)
    project.version += 1
    taken = _name_taken(project.name)
    try:
        session.flush()
    except IntegrityError as error:
        raise taken from error
    session.refresh(project)
    audit.record(
        session,
        organization_id=organization_id,
        action="project.updated",
        target_type="project",
        target_id=project_id,
        changes=changes,
    )
    return project


def delete_project(
    session: Session, *, organization_id: UUID, project_id: UUID, if_match: str | None
) -> None:
    """Delete a project; PreconditionFailed unless `if_match` is the ETag."""
    project = _lock(session, organization_id=organization_id, project_id=project_id)
    require_match(if_match, project_etag(project))
    session.delete(project)
    session.flush()
    audit.record(
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


def _lock(session: Session, *, organization_id: UUID, project_id: UUID) -> Project:
    project = session.scalar(
        select(Project)
        .where(Project.organization_id == organization_id, Project.id == project_id)
        .with_for_update()
    )
    if project is None:
        raise NotFound("project")
    return project


def _name_taken(name: str) -> Conflict:
    return Conflict(f"A project with the name {name!r} exists already.")
