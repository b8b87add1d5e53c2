"""Where Django's migrations are, and what they follow in their app."""

import ast
import re
from pathlib import Path

from tools.adopt_migrations.migration import AdoptionError, Migration, Parent

ROOT = Path(__file__).parents[2]
OF_TEMPLATE = re.compile(r"0001_initial$|(\d{4}_)?t20\d\d_\d\d_")


def folders() -> list[Path]:
    return sorted((ROOT / "src" / "app").glob("*/migrations"))


def read(path: Path) -> Migration | None:
    """Return the migration in a file, or None for `__init__.py`. Raises AdoptionError."""
    if path.name == "__init__.py":
        return None
    app = path.parents[1].name
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Assign(targets=[ast.Name(id="dependencies")], value=value):
                names = [name for pair in ast.walk(value) if (name := _name(pair, app))]
                template = OF_TEMPLATE.match(path.stem) is not None
                return Migration(path, path.stem, Parent.find(names), template)
    raise AdoptionError(f"{path}: expected `dependencies`.")


def _name(node: ast.AST, app: str) -> ast.expr | None:
    """Return the name in `(app, name)`, a dependency on the same app."""
    match node:
        case ast.Tuple(elts=[ast.Constant(value=label), name]) if label == app:
            return name
    return None
