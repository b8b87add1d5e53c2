"""Every variant is rendered once, and shared between the test processes."""

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
    """Keep a developer's own Copier and git settings out of what is rendered in process."""
    os.environ.update(template.SETTINGS)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return a directory that all test processes of this session see."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


def once(path: Path, make: Callable[[Path], object]) -> Path:
    """Make a directory, unless another test process has made it."""
    with FileLock(f"{path}.lock"):
        if not path.exists():
            unfinished = path.with_name(f"{path.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(path)
    return path


@pytest.fixture(scope="session")
def released(shared: Path) -> Path:
    """Return the working tree as a repository of its own, with a version."""

    def make(repository: Path) -> None:
        template.copy_working_tree(repository)
        template.commit(repository, "The working tree", tag=f"v{template.version()}")

    return once(shared / "released", make)


@pytest.fixture(scope="session")
def render(shared: Path, released: Path) -> Render:
    """Return the way to render a variant: once, to be read and not to be changed."""

    def rendered(variant: Variant) -> Path:
        def make(project: Path) -> None:
            run_copy(str(released), project, data=variant.answers, defaults=True, quiet=True)

        return once(shared / variant.id, make)

    return rendered


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was proven by rendering, what by running, and what was not."""
    done: dict[str, set[str]] = {"rendered": set(), "run": set()}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            done.setdefault(name, set()).add(value)
    if not any(done.values()):
        return
    terminalreporter.section("variants")
    for name, what in (
        ("rendered", "rendered and checked"),
        ("run", "installed, checked, tested, run and put through the conformance suite"),
    ):
        ids = ", ".join(sorted(done[name]))
        terminalreporter.line(f"{len(done[name])} of {len(every_variant())} {what}: {ids}")
    missing = [version for version in values("python_version") if not has_python(version)]
    if missing:
        terminalreporter.line(
            f"Not run, since this machine lacks the interpreter: Python {', '.join(missing)}"
        )
