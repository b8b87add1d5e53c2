"""Where Alembic's migrations are, and what they follow."""

import ast
import re
from pathlib import Path

from tools.adopt_migrations.migration import Migration, Parent

ROOT = Path(__file__).parents[2]
# Alembic's own names are hexadecimal.
OF_TEMPLATE = re.compile(r"t20\d\d_\d\d_")


def folders() -> list[Path]:
    return [ROOT / "migrations" / "versions"]


def read(path: Path) -> Migration | None:
    """Return the migration in a file, or None if it contains none."""
    found = {
        target.id: node.value
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    match found:
        case {"revision": ast.Constant(value=str(name)), "down_revision": parents}:
            template = OF_TEMPLATE.match(name) is not None
            return Migration(path, name, Parent.find(ast.walk(parents)), template)
    return None
