"""Update the service from its template: `uv run just update-template [OPTIONS]`.

The options are those of `copier update`, such as --defaults and --trust.
"""

import subprocess
import sys
from pathlib import Path

from tools.conflicts import ROOT, conflicts

ABORT = "git reset --hard && git clean -fd"
AFTERWARDS = (
    ("uv", "lock"),
    ("uv", "run", "just", "adopt-migrations"),
    ("uv", "run", "just", "fix"),
    ("uv", "run", "just", "check"),
)


class UpdateError(Exception):
    """The update stopped; the text says how to go on or back."""


def update(folder: Path, options: list[str]) -> None:
    """Update, lock, adopt migrations, fix and check. Raises UpdateError."""
    if changes(folder):
        raise UpdateError("commit or stash all changes first; git status lists them")
    run(folder, "uvx", "copier", "update", *options)
    if found := list(conflicts(folder)):
        commands = " && ".join(" ".join(command) for command in AFTERWARDS)
        raise UpdateError("\n".join(["resolve these conflicts:", *found, f"then run: {commands}"]))
    if changes(folder):
        for command in AFTERWARDS:
            run(folder, *command)


def changes(folder: Path) -> str:
    """Return the uncommitted changes, one on a line."""
    try:
        done = subprocess.run(
            ("git", "status", "--porcelain"),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise UpdateError("git is not installed") from error
    if done.returncode:
        raise UpdateError(done.stderr.strip())
    return done.stdout


def run(folder: Path, *command: str) -> None:
    try:
        status = subprocess.run(command, cwd=folder, check=False).returncode
    except FileNotFoundError as error:
        raise UpdateError(f"{command[0]} is not installed") from error
    if status:
        raise UpdateError(f"{' '.join(command)} ended with status {status}")


def main() -> None:
    try:
        update(ROOT, sys.argv[1:])
    except UpdateError as error:
        sys.exit(f"update-template: {error}\nTo abort an update: {ABORT}")
    print(f"Next: review the changes, run `uv run just test`, commit. To abort: {ABORT}")


if __name__ == "__main__":
    main()
