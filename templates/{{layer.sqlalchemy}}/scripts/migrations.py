"""Check or generate migrations, on a throw-away database.

python -m scripts.migrations check          upgrade, downgrade, compare with the models
python -m scripts.migrations make MESSAGE   generate a migration from the changes of the models
"""

import os
import subprocess
import sys

from tools.devservers import ROOT, ServerError, throw_away

VERSIONS = ROOT / "migrations" / "versions"


def check(env: dict[str, str]) -> None:
    """Upgrade, downgrade and upgrade again; then compare with the models."""
    _run("alembic", "upgrade", "head", env=env)
    _run("alembic", "downgrade", "base", env=env)
    _run("alembic", "upgrade", "head", env=env)
    _run("alembic", "check", env=env)


def make(env: dict[str, str], message: str) -> None:
    """Generate a migration; it must be reviewed and completed by hand."""
    before = set(VERSIONS.glob("*.py"))
    _run("alembic", "upgrade", "head", env=env)
    _run("alembic", "revision", "--autogenerate", "--message", message, env=env)
    for path in set(VERSIONS.glob("*.py")) - before:
        _run("ruff", "format", "--quiet", str(path), env=env)
        _run("ruff", "check", "--quiet", "--fix", str(path), env=env)
        print(f"Review and complete {path.relative_to(ROOT)}, then: uv run just migrate")


def _run(program: str, *arguments: str, env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerError(f"{done.stdout}\n`{program} {' '.join(arguments)}` failed.")


def main() -> int:
    try:
        with throw_away() as servers:
            env = {**os.environ, **servers.urls().environment(), "ENVIRONMENT": "test"}
            match sys.argv[1:]:
                case ["check"]:
                    check(env)
                case ["make", message]:
                    make(env, message)
                case _:
                    print(__doc__, file=sys.stderr)
                    return 2
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
