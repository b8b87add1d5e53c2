"""Which commit is released: the one that the main branch and this one have in common."""

import shutil
import subprocess
from pathlib import Path

# What is on one of these branches is released; a branch can edit its own until it is merged.
MAIN_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


class ShallowCloneError(Exception):
    """The commits of the main branch are missing."""

    def __init__(self) -> None:
        super().__init__(
            "This needs the full history of git. In CI, check out with fetch-depth: 0;"
            " elsewhere, git fetch --unshallow."
        )


def released(folder: Path) -> str | None:
    """Return the released commit, or None before the first one and outside of git.

    Raises ShallowCloneError.
    """
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return None
    if git(folder, "rev-parse", "--is-shallow-repository") != "false":
        raise ShallowCloneError
    if (head := git(folder, "rev-parse", "--verify", "HEAD")) is None:
        return None
    found = (git(folder, "merge-base", "HEAD", branch) for branch in MAIN_BRANCHES)
    base = next((commit for commit in found if commit), head)
    if base == head:
        base = git(folder, "rev-parse", "HEAD^") or head  # on the main branch: its last commit
    return base


def is_released(path: Path) -> bool:
    """Return whether a file of this name is in the released commit. Raises ShallowCloneError."""
    base = released(path.parent)
    return base is not None and (
        git(path.parent, "cat-file", "-e", f"{base}:./{path.name}") is not None
    )


def git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints, or None when it fails or is not installed."""
    program = shutil.which("git")
    if program is None:
        return None
    done = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None
