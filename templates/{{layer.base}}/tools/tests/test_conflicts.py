import subprocess
from pathlib import Path

import pytest

from tools.conflicts import conflicts

OURS, THEIRS = "<" * 7, ">" * 7


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("ignored/\n")
    (tmp_path / "a.md").write_text("Title\n=======\n")
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    return tmp_path


def test_files_without_conflicts_pass(repository: Path) -> None:
    (repository / "b.py").write_text(f'"""{OURS} ours"""\nassert 1 << 2 {THEIRS[:2]} 1\n')
    (repository / "b.bin").write_bytes(f"\0\n{OURS} ours\n".encode())
    (repository / "ignored").mkdir()
    (repository / "ignored" / "c.md").write_text(f"{OURS} ours\n")
    (repository / "a.md").unlink()
    assert list(conflicts(repository)) == []


def test_markers_in_tracked_and_untracked_files_are_found(repository: Path) -> None:
    (repository / "a.md").write_text(f"Title\n{OURS} before updating\n=======\n")
    (repository / "späte.md").write_text(f"{THEIRS} after updating\n")
    assert list(conflicts(repository)) == [
        f"a.md:2: {OURS} before updating",
        f"späte.md:1: {THEIRS} after updating",
    ]


def test_rejected_changes_are_found(repository: Path) -> None:
    (repository / "a.md.rej").touch()
    assert list(conflicts(repository)) == ["a.md.rej"]


def test_directory_outside_of_git_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.md.rej").touch()
    assert list(conflicts(tmp_path)) == []
