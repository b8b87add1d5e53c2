"""Helpers: run commands as a user does, and copy and commit the template."""

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
# From this environment; the tested commands have another PATH.
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
    """Return the environment of a new user: without this project's or a developer's settings."""
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
    # pytest removes access for other users from its temporary directory. A service's pytest must
    # use another one: PostgreSQL runs as another user when the tests run as root.
    temporary = Path(tempfile.gettempdir(), "pytest-of-services")
    temporary.mkdir(exist_ok=True)
    return (
        kept | SETTINGS | {"PATH": os.pathsep.join(path), "PYTEST_DEBUG_TEMPROOT": str(temporary)}
    )


def attempt(
    *command: str | Path, cwd: Path, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal; return its exit status and combined output."""
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
    """Run a command; return its output, or fail with it."""
    done = attempt(*command, cwd=cwd, timeout=timeout)
    if done.returncode:
        words = " ".join(str(part) for part in command)
        message = f"{words} exited with {done.returncode} in {cwd}\n{done.stdout}"
        raise AssertionError(message)
    return done.stdout


def git(repository: Path, *arguments: str) -> str:
    return run("git", *arguments, cwd=repository).strip()


def files() -> list[str]:
    """Return the tracked files and the untracked ones that are not ignored."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def copy_working_tree(target: Path) -> None:
    """Copy the files returned by `files`."""
    for name in files():
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, destination)


def copy_templated_files(target: Path) -> None:
    """Copy the template without plain files, which are equal for all answers."""
    copy_working_tree(target)
    for file in (target / "templates").rglob("*"):
        if file.is_file() and file.suffix != ".jinja" and "_partials" not in file.parts:
            file.unlink()


def commit(repository: Path, message: str, tag: str | None = None) -> None:
    """Commit all files in a new or existing repository."""
    if not (repository / ".git").exists():
        git(repository, "init", "--quiet", "--initial-branch", "main")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", message)
    if tag:
        git(repository, "tag", tag)


def version() -> str:
    """Return the version in pyproject.toml."""
    stated: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return stated


def configuration() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())
    return loaded


def questions() -> dict[str, dict[str, Any]]:
    """Return the questions of copier.yml, including computed ones."""
    return {name: value for name, value in configuration().items() if not name.startswith("_")}


def contents(project: Path) -> dict[str, bytes]:
    """Return the contents of all files outside .git, by name."""
    return {
        str(file.relative_to(project)): file.read_bytes()
        for file in sorted(project.rglob("*"))
        if file.is_file() and ".git" not in file.relative_to(project).parts[:1]
    }
