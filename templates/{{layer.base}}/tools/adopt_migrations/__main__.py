"""Put new database migrations of the template behind yours: `uv run just adopt-migrations`.

A new migration of the template follows the latest one of the template. A service has migrations of
its own there, and then two latest ones, which `migrate` refuses.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tools.adopt_migrations.files import folders, read
from tools.adopt_migrations.migration import AdoptionError, Migration, Parent
from tools.released import ShallowCloneError, is_released


def adopt(folder: Path) -> list[str]:
    """Put the new migrations of the template in a folder behind the others; return what changed.

    They are those that lead from the latest one of the template to a migration that the others
    follow too, or to one that was deleted. Raises AdoptionError.
    """
    changed = []
    while (step := _next(folder)) is not None:
        migration, parent, latest = step
        migration.replace_parent(parent, latest)
        changed.append(f"{migration.path.name}: follows {latest}, not {parent.name}")
    return changed


def _next(folder: Path) -> tuple[Migration, Parent, str] | None:
    """Return a migration of the template, the parent to replace, and the name that replaces it."""
    found = [read(path) for path in sorted(folder.glob("*.py"))]
    by_name = {migration.name: migration for migration in found if migration}
    followed = {parent.name for migration in by_name.values() for parent in migration.parents}
    heads = [migration for name, migration in by_name.items() if name not in followed]
    if len(heads) < 2:
        return None
    before = {head.name: set(_ancestors(head, by_name)) for head in heads}
    own = [head for head in heads if not head.is_of_template]
    if len(own) > 1:
        names = ", ".join(head.name for head in own)
        raise AdoptionError(f"{folder}: no migration follows {names}. Let one follow the other.")
    complete = [head for head in heads if before[head.name] <= by_name.keys()]
    latest = (own or sorted(complete, key=lambda head: not is_released(head.path)) or heads)[0]
    if latest not in complete:
        missing = ", ".join(before[latest.name] - by_name.keys())
        raise AdoptionError(f"{latest.path}: follows {missing}, which does not exist. Restore it.")
    head = first = next(head for head in heads if head is not latest)
    while (parent := _parent(first, before[latest.name])) and parent.name in by_name:
        first = by_name[parent.name]
        if not first.is_of_template:
            raise AdoptionError(f"{first.path}: follows a new migration of the template.")
    if not first.parents:
        raise AdoptionError(f"{first.path}: follows no migration.")
    parent = parent or first.parents[0]
    if is_released(first.path):
        raise AdoptionError(
            f"{first.path}: is released, so that databases have applied it after {parent.name}. "
            f"Let your migration that follows {parent.name} follow {head.name} instead."
        )
    return first, parent, latest.name


def _parent(migration: Migration, shared: set[str]) -> Parent | None:
    """Return a parent that the others do not follow."""
    return next((parent for parent in migration.parents if parent.name not in shared), None)


def _ancestors(migration: Migration, by_name: dict[str, Migration]) -> Iterator[str]:
    """Yield the name of each migration before this one, and of those that are missing."""
    waiting = [migration]
    while waiting:
        for parent in waiting.pop().parents:
            yield parent.name
            if parent.name in by_name:
                waiting.append(by_name[parent.name])


def main() -> None:
    try:
        changed = [line for folder in folders() for line in adopt(folder)]
    except (AdoptionError, ShallowCloneError) as error:
        sys.exit(f"adopt-migrations: {error}")
    print("\n".join(changed) or "Every migration of the template is in its place.")


if __name__ == "__main__":
    main()
