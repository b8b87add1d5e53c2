"""Add the new migrations to tests/released-migrations.json: `uv run scripts/release_migrations.py`.

Run it in the commit of a release. From then on `tests/test_migrations.py` refuses to change, rename
or remove these files: databases of services have run them.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

type Migrations = dict[str, str]

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
BASELINE = ROOT / "tests" / "released-migrations.json"
LAYER = re.compile(r"\{\{layer\.[a-z]+\}\}/")
# Alembic's and Django's, in a service.
MIGRATION = re.compile(r"(?:migrations/versions|src/app/\w+/migrations)/(?!__init__)\w+\.py")


def migrations(templates: Path = TEMPLATES) -> Migrations:
    """Return the SHA-256 of each migration by its path in the service."""
    found = {}
    for file in templates.rglob("*.py*"):
        path = LAYER.sub("", file.relative_to(templates).as_posix()).removesuffix(".jinja")
        if MIGRATION.fullmatch(path):
            found[path] = hashlib.sha256(file.read_bytes()).hexdigest()
    return dict(sorted(found.items()))


def released() -> Migrations:
    loaded: Migrations = json.loads(BASELINE.read_text(encoding="utf-8"))
    return loaded


def edited(before: Migrations, now: Migrations) -> list[str]:
    """Return the released migrations that were changed, renamed or removed."""
    return [path for path, digest in before.items() if now.get(path) != digest]


def main() -> None:
    now = migrations()
    if refused := edited(released(), now):
        sys.exit("Restore these released migrations, and write new ones: " + ", ".join(refused))
    BASELINE.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
