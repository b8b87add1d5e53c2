"""Fixtures: each variant is rendered once and shared between the test processes."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copier import run_copy
from filelock import FileLock

import template
from variants import Render, Variant, every_variant, has_python, values


def pytest_configure() -> None:
    """Disable the developer's Copier and git settings for renderings in this process."""
    os.environ.update(template.SETTINGS)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return the directory shared by the pytest-xdist workers."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


def once(path: Path, make: Callable[[Path], object]) -> Path:
    """Create a directory, unless another test process has; return it."""
    with FileLock(f"{path}.lock"):
        if not path.exists():
            unfinished = path.with_name(f"{path.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(path)
    return path


@pytest.fixture(scope="session")
def released(shared: Path) -> Path:
    """Return a git repository with the working tree, tagged with its version."""

    def make(repository: Path) -> None:
        template.copy_working_tree(repository)
        template.commit(repository, "The working tree", tag=f"v{template.version()}")

    return once(shared / "released", make)


@pytest.fixture(scope="session")
def render(shared: Path, released: Path) -> Render:
    """Return a function that renders a variant once; tests must not change the result."""

    def rendered(variant: Variant) -> Path:
        def make(project: Path) -> None:
            run_copy(str(released), project, data=variant.answers, defaults=True, quiet=True)

        return once(shared / variant.id, make)

    return rendered


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the variants that were rendered and run, and missing Python versions."""
    done: dict[str, set[str]] = {"rendered": set(), "run": set()}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            done.setdefault(name, set()).add(value)
    if not any(done.values()):
        return
    terminalreporter.section("variants")
    for name, what in (
        ("rendered", "rendered and checked"),
        ("run", "installed, checked, tested, run and tested with the conformance suite"),
    ):
        ids = ", ".join(sorted(done[name]))
        terminalreporter.line(f"{len(done[name])} of {len(every_variant())} {what}: {ids}")
    missing = [version for version in values("python_version") if not has_python(version)]
    if missing:
        terminalreporter.line(f"Not run, interpreter not installed: Python {', '.join(missing)}")
