"""Use cases of projects."""

from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, transaction

from app.audit import service as audit
from app.core.db.changes import apply_changes, changed_fields
from app.core.db.rows import lock_or_404
from app.core.web.preconditions import require_match
from app.projects import rules
from app.projects.models import Project
from app.projects.schemas import ProjectCreate, ProjectStatus


def create_project(
    *, organization_id: UUID, created_by: UUID | None, name: str, description: str
) -> Project:
    """Create a project; Conflict when its name is taken."""
    # Not "select, then insert": two concurrent requests would both find the name free.
    try:
        with transaction.atomic():
            project = Project.tenant.create(
                organization_id=organization_id,
                created_by_id=created_by,
                name=name,
                description=description,
            )
    except IntegrityError as error:
        raise rules.name_taken(name) from error
    audit.record(
        organization_id=organization_id,
        action="project.created",
        target_type="project",
        target_id=project.id,
        changes={"name": name},
    )
    return project


def import_projects(
    *, organization_id: UUID, created_by: UUID | None, items: Sequence[ProjectCreate]
) -> int:
    """Create projects in one statement, all or none; return their number."""
    wanted = rules.by_name_key(items)
    rows = [
        Project(
            organization_id=organization_id,
            created_by_id=created_by,
            name=item.name,
            name_key=key,
            description=item.description,
        )
        for key, item in wanted.items()
    ]
    try:
        with transaction.atomic():
            Project.tenant.bulk_create(rows)
    except IntegrityError as error:
        taken = set(
            Project.tenant.filter(
                organization_id=organization_id, name_key__in=wanted.keys()
            ).values_list("name_key", flat=True)
        )
        # The name may be free again: then report the first of the request.
        name = next((item.name for key, item in wanted.items() if key in taken), items[0].name)
        raise rules.name_taken(name) from error
    audit.record(
        organization_id=organization_id,
        action="project.imported",
        target_type="organization",
        target_id=organization_id,
        changes={"created": len(rows)},
    )
    return len(rows)


def update_project(
    *,
    organization_id: UUID,
    project_id: UUID,
    if_match: str | None,
    name: str | None = None,
    description: str | None = None,
    status: ProjectStatus | None = None,
) -> Project:
    """Change what is not None; PreconditionFailed when `if_match` is not the current ETag."""
    project = _lock(organization_id=organization_id, project_id=project_id)
    require_match(if_match, rules.project_etag(project))
    wanted = {"name": name, "description": description, "status": status}
    changes = changed_fields(project, wanted)
    if not changes:
        return project
    apply_changes(project, changes)
    try:
        with transaction.atomic():
            project.save()
    except IntegrityError as error:
        raise rules.name_taken(project.name) from error
    audit.record(
        organization_id=organization_id,
        action="project.updated",
        target_type="project",
        target_id=project_id,
        changes=changes,
    )
    return project


def delete_project(*, organization_id: UUID, project_id: UUID, if_match: str | None) -> None:
    """Delete a project; PreconditionFailed when `if_match` is not the current ETag."""
    project = _lock(organization_id=organization_id, project_id=project_id)
    require_match(if_match, rules.project_etag(project))
    project.delete()
    audit.record(
        organization_id=organization_id,
        action="project.deleted",
        target_type="project",
        target_id=project_id,
        changes={"name": project.name},
    )


def _lock(*, organization_id: UUID, project_id: UUID) -> Project:
    rows = Project.tenant.filter(organization_id=organization_id, id=project_id)
    return lock_or_404(rows, "project")
