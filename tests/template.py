"""The template as a user meets it: a git repository with a version."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
# Beside the interpreter, not on the PATH of the commands that are tested.
RUFF = Path(sys.executable).with_name("ruff")
COPIER = Path(sys.executable).with_name("copier")
UV = os.environ.get("UV") or shutil.which("uv") or "uv"

_KEPT = {"CI", "HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER"}
_KEPT_PREFIXES = ("LC_", "PIP_", "PYENV_", "REQUESTS_", "SSL_", "UV_")
_DROPPED_PREFIXES = ("UV_PROJECT", "UV_RUN", "UV_WORKING", "UV_ENV")

SETTINGS = {
    "COPIER_SETTINGS_PATH": str(ROOT / "tests" / "copier-settings.yml"),
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A User",
    "GIT_AUTHOR_EMAIL": "user@example.com",
    "GIT_COMMITTER_NAME": "A User",
    "GIT_COMMITTER_EMAIL": "user@example.com",
}


def clean_environment() -> dict[str, str]:
    """What a new user's shell has: nothing of this project's, nothing of a developer's habits."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT
        or name.lower().endswith("_proxy")
        or (name.startswith(_KEPT_PREFIXES) and not name.startswith(_DROPPED_PREFIXES))
    }
    own = str(ROOT / ".venv")
    path = [part for part in kept.get("PATH", "").split(os.pathsep) if not part.startswith(own)]
    if (folder := str(Path(UV).parent)) not in path:
        path.append(folder)
    # pytest closes its temporary directory to other users, such as the one that PostgreSQL runs as
    # when we are root: a service's own pytest must not close the directory that it is in.
    temporary = Path(tempfile.gettempdir(), "pytest-of-services")
    temporary.mkdir(exist_ok=True)
    return (
        kept | SETTINGS | {"PATH": os.pathsep.join(path), "PYTEST_DEBUG_TEMPROOT": str(temporary)}
    )


def attempt(
    *command: str | Path, cwd: Path, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal, and return how it ended and what it printed."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )


def run(*command: str | Path, cwd: Path, timeout: float = 300) -> str:
    """Run a command that must succeed, and return what it printed."""
    done = attempt(*command, cwd=cwd, timeout=timeout)
    if done.returncode:
        words = " ".join(str(part) for part in command)
        message = f"{words} ended with {done.returncode} in {cwd}\n{done.stdout}"
        raise AssertionError(message)
    return done.stdout


def git(repository: Path, *arguments: str) -> str:
    """Run git and return what it printed."""
    return run("git", *arguments, cwd=repository).strip()


def files() -> list[str]:
    """Name every file that is, or would be, committed."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def copy_working_tree(target: Path) -> None:
    """Copy what is, or would be, committed."""
    for name in files():
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, destination)


def copy_what_answers_change(target: Path) -> None:
    """Copy the template without the files that are the same for all answers, which are most."""
    copy_working_tree(target)
    for file in (target / "templates").rglob("*"):
        if file.is_file() and file.suffix != ".jinja" and "_partials" not in file.parts:
            file.unlink()


def commit(repository: Path, message: str, tag: str | None = None) -> None:
    """Commit everything, and tag it."""
    if not (repository / ".git").exists():
        git(repository, "init", "--quiet", "--initial-branch", "main")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", message)
    if tag:
        git(repository, "tag", tag)


def version() -> str:
    """Return the version that pyproject.toml states."""
    stated: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return stated


def configuration() -> dict[str, Any]:
    """Read copier.yml."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())
    return loaded


def questions() -> dict[str, dict[str, Any]]:
    """Return the questions of copier.yml, with the computed ones."""
    return {name: value for name, value in configuration().items() if not name.startswith("_")}


def contents(project: Path) -> dict[str, bytes]:
    """Return every file of a project that is not git's own, by name."""
    return {
        str(file.relative_to(project)): file.read_bytes()
        for file in sorted(project.rglob("*"))
        if file.is_file() and ".git" not in file.relative_to(project).parts[:1]
    }
