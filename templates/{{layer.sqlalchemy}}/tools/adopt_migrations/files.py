"""Where Alembic's migrations are, and what they follow."""

import ast
import re
from pathlib import Path

from tools.adopt_migrations.migration import AdoptionError, Migration, Parent

ROOT = Path(__file__).parents[2]
# Alembic's own names are hexadecimal.
OF_TEMPLATE = re.compile(r"t20\d\d_\d\d_")


def folders() -> list[Path]:
    return [ROOT / "migrations" / "versions"]


def read(path: Path) -> Migration | None:
    """Return the migration in a file, or None for `__init__.py`. Raises AdoptionError."""
    if path.name == "__init__.py":
        return None
    found: dict[str, ast.expr | None] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                found[name] = value
    match found:
        case {"revision": ast.Constant(value=str(name)), "down_revision": ast.expr() as parents}:
            template = OF_TEMPLATE.match(name) is not None
            return Migration(path, name, Parent.find(ast.walk(parents)), template)
    raise AdoptionError(f"{path}: expected `revision` and `down_revision`.")
