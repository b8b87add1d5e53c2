"""Database migrations of a service and new ones of the template, in one chain or in several."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from template import COPIER, UV, attempt, commit, git, run
from test_update import FIND_CONFLICTS

ALEMBIC = '''"""{name}.

Revision ID: {name}
Revises: {parent}
"""

from alembic import op

revision = "{name}"
down_revision = "{parent}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute("SELECT '{name}'")


def downgrade() -> None:
    """Undo."""
'''
DJANGO = '''from django.db import migrations


class Migration(migrations.Migration):
    """{name}."""

    dependencies = [("{app}", "{parent}")]
    operations = [migrations.RunSQL("SELECT '{name}'", migrations.RunSQL.noop)]
'''


def chains(service: Path) -> dict[str, str]:
    """Return the latest migration of each folder of migrations."""
    if (versions := service / "migrations" / "versions").is_dir():
        # `python -m alembic heads` prints `t2026_11_projects (head)`.
        head = run(UV, "run", "alembic", "heads", cwd=service).split()[-2]
        return {str(versions.relative_to(service)): head}
    folders = sorted((service / "src" / "app").glob("*/migrations"))
    return {str(folder.relative_to(service)): "0001_initial" for folder in folders}


def write(root: Path, folder: str, name: str, parent: str) -> None:
    form, app = (ALEMBIC, "") if folder.startswith("migrations") else (DJANGO, folder.split("/")[2])
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / folder / f"{name}.py").write_text(form.format(name=name, parent=parent, app=app))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a directory that the user PostgreSQL runs as can enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="copier-saas-") as name:
        yield Path(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "layer", "names"),
    [
        ("fastapi", "sqlalchemy", ("0a1b2c3d4e5f", "t2030_01_sizes")),
        ("django", "django", ("0002_colours", "0002_t2030_01_sizes")),
    ],
)
def test_migrations_of_a_release_follow_those_of_the_service(
    framework: str, layer: str, names: tuple[str, str], released: Path, folder: Path
) -> None:
    own, new = names
    template, service = folder / "template", folder / "svc"
    shutil.copytree(released, template)
    options = ("--defaults", "-d", f"framework={framework}")
    run(COPIER, "copy", *options, template, service, cwd=folder)
    run(UV, "sync", "--quiet", cwd=service)
    commit(service, "Generate")
    latest = chains(service)
    for chain, parent in latest.items():
        write(service, chain, own, parent)
    commit(service, "Our own migrations")
    run(UV, "run", "just", "migrate", cwd=service)

    for chain, parent in latest.items():
        write(template / "templates" / f"{{{{layer.{layer}}}}}", chain, new, parent)
    commit(template, "A release with migrations", tag="v999.0.0")
    run(COPIER, "update", "--defaults", cwd=service)
    tests = [f"tests/architecture/test_{name}.py" for name in ("migrations", "history")]
    check = (UV, "run", "pytest", "-q", "--confcutdir=tests/architecture", *tests)
    refused = attempt(*check, cwd=service)
    assert refused.returncode != 0
    assert "Fix: uv run just adopt-migrations" in refused.stdout

    adopted = run(UV, "run", "just", "adopt-migrations", cwd=service)
    for chain, parent in latest.items():
        assert f"{new}.py: follows {own}, not {parent}" in adopted
        assert f'"{own}"' in (service / chain / f"{new}.py").read_text()
    commit(service, "Update")
    run(*check, cwd=service)
    again = run(UV, "run", "just", "adopt-migrations", cwd=service)
    assert "Every migration of the template is in its place." in again
    run(UV, "run", "just", "migrate", cwd=service)  # a database at the head of the service
    run(UV, "run", "python", "-m", "scripts.migrations", "check", cwd=service)  # an empty one

    (template / "templates" / "{{layer.base}}" / "added.md").write_text("Added.\n")
    commit(template, "The next release", tag="v999.1.0")
    run(COPIER, "update", "--defaults", cwd=service)
    assert git(service, "diff", "--name-only") == ".copier-answers.yml"
    run(*FIND_CONFLICTS, cwd=service)
