"""Rules of projects."""

from collections.abc import Iterable

from app.core.db.changes import Versioned
from app.core.errors import Conflict, Invalid
from app.core.schemas import fold
from app.core.web.preconditions import etag
from app.projects.schemas import ProjectCreate


def project_etag(project: Versioned) -> str:
    return etag(project.version)


def by_name_key(items: Iterable[ProjectCreate]) -> dict[str, ProjectCreate]:
    """Return the items of an import by their folded names; Invalid for a repeated name."""
    found: dict[str, ProjectCreate] = {}
    for index, item in enumerate(items):
        if found.setdefault(fold(item.name), item) is not item:
            raise Invalid(
                pointer=f"/items/{index}/name",
                code="duplicate",
                detail="The name stands twice in this request.",
            )
    return found


def name_taken(name: str) -> Conflict:
    return Conflict(f"A project with the name {name!r} exists already.")
