import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.update_template import AFTERWARDS, UpdateError, update

COPIER = ["uvx", "copier", "update", "--defaults"]


class Repository:
    """A repository, and commands that record their calls."""

    def __init__(self, folder: Path) -> None:
        self.path, self.programs = folder / "svc", folder / "bin"
        self.path.mkdir()
        self.programs.mkdir()
        subprocess.run(["git", "init", "--quiet"], cwd=self.path, check=True)
        self.program("uv", "true")
        self.program("uvx", "touch updated.md")

    def program(self, name: str, command: str) -> None:
        file = self.programs / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> ../calls\n{command}\n')
        file.chmod(0o755)

    def calls(self) -> list[list[str]]:
        calls = self.path.with_name("calls")
        return [line.split() for line in calls.read_text().splitlines()] if calls.exists() else []


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository = Repository(tmp_path)
    monkeypatch.setenv("PATH", f"{repository.programs}{os.pathsep}{os.environ['PATH']}")
    return repository


def test_update_locks_fixes_and_checks(repository: Repository) -> None:
    update(repository.path, ["--defaults"])
    assert repository.calls() == [COPIER, *map(list, AFTERWARDS)]


def test_nothing_follows_an_update_that_changes_nothing(repository: Repository) -> None:
    repository.program("uvx", "true")
    update(repository.path, ["--defaults"])
    assert repository.calls() == [COPIER]


def test_folder_without_git_and_missing_programs_are_reported(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UpdateError, match="not a git repository"):
        update(tmp_path, [])
    git = shutil.which("git") or ""
    (repository.programs / "uvx").unlink()
    monkeypatch.setenv("PATH", str(repository.programs))
    with pytest.raises(UpdateError, match="git is not installed"):
        update(repository.path, [])
    (repository.programs / "git").symlink_to(git)
    with pytest.raises(UpdateError, match="uvx is not installed"):
        update(repository.path, [])


def test_uncommitted_changes_are_refused(repository: Repository) -> None:
    (repository.path / "edited.md").touch()
    with pytest.raises(UpdateError, match="commit or stash"):
        update(repository.path, [])
    assert repository.calls() == []


def test_conflicts_are_listed_before_the_next_commands(repository: Repository) -> None:
    repository.program("uvx", "touch a.md.rej")
    with pytest.raises(UpdateError, match=r"conflicts:\na\.md\.rej\nthen run: uv lock && "):
        update(repository.path, ["--defaults"])
    assert repository.calls() == [COPIER]


@pytest.mark.parametrize(("program", "calls"), [("uvx", 1), ("uv", 2)])
def test_failed_command_ends_the_update(repository: Repository, program: str, calls: int) -> None:
    repository.program(program, "exit 4")
    with pytest.raises(UpdateError, match="ended with status 4"):
        update(repository.path, [])
    assert len(repository.calls()) == calls
