"""Released database migrations of the template are append-only."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.release_migrations import BASELINE, edited, migrations, released
from template import ROOT, TEMPLATES, attempt, git

ALEMBIC = "migrations/versions/t2026_11_projects.py"
DJANGO = "src/app/exports/migrations/0001_initial.py"
SOURCES = {
    ALEMBIC: TEMPLATES / "{{layer.sqlalchemy}}" / ALEMBIC,
    DJANGO: TEMPLATES / "{{layer.exports}}" / "{{layer.django}}" / DJANGO,
}


def test_released_migrations_are_unchanged() -> None:
    assert not edited(released(), migrations()), (
        "restore these released migrations, which databases have run, and write new ones"
    )


def test_baseline_contains_that_of_the_last_tag() -> None:
    tag = attempt("git", "describe", "--tags", "--abbrev=0", "--match=v*", cwd=ROOT)
    if tag.returncode:
        pytest.skip("before the first release the baseline may be rewritten")
    name = BASELINE.relative_to(ROOT).as_posix()
    before = json.loads(git(ROOT, "show", f"{tag.stdout.strip()}:{name}"))
    assert not edited(before, released()), "restore these lines of the baseline"


def test_migrations_of_all_layers_are_found() -> None:
    found = migrations()
    assert found.keys() >= SOURCES.keys()
    assert not [name for name in found if "widgets" in name], "expected no file of a skeleton"


def change(file: Path) -> None:
    file.write_text(f"{file.read_text()}\n# changed\n")


def rename(file: Path) -> None:
    file.rename(file.with_stem("t2026_12_renamed"))


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("break_it", [change, rename, Path.unlink])
def test_change_of_a_released_migration_is_refused(
    name: str, break_it: Callable[[Path], None], tmp_path: Path
) -> None:
    templates = copied(tmp_path)
    before = migrations(templates)
    break_it(templates / SOURCES[name].relative_to(TEMPLATES))
    assert edited(before, migrations(templates)) == [name]


@pytest.mark.parametrize("name", SOURCES)
def test_new_and_moved_migrations_are_accepted(name: str, tmp_path: Path) -> None:
    """Services do not see the layers, so a file may move to another one."""
    templates = copied(tmp_path)
    before = migrations(templates)
    moved = templates / "{{layer.dashboard}}" / name
    moved.parent.mkdir(parents=True)
    (templates / SOURCES[name].relative_to(TEMPLATES)).rename(moved)
    moved.with_stem("t2026_12_added").touch()
    now = migrations(templates)
    assert edited(before, now) == []
    assert len(now) == len(before) + 1


def copied(folder: Path) -> Path:
    """Return a copy of the migrations of the template, with their layers."""
    target = folder / "templates"
    for source in SOURCES.values():
        destination = target / source.relative_to(TEMPLATES)
        destination.parent.mkdir(parents=True)
        shutil.copyfile(source, destination)
    return target
