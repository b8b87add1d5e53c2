"""Check or write migrations, on a throw-away database.

python -m scripts.migrations check          they run, undo, and give what the models say
python -m scripts.migrations make MESSAGE   write those for what has changed in the models
"""

import os
import re
import subprocess
import sys

from scripts.servers import ROOT, ServerError, throw_away

SOURCE = ROOT / "src" / "app"
# The service's own, in an order in which they can be undone.
APPS = ("projects", "api_keys", "exports", "audit", "organizations", "core")


def check(env: dict[str, str]) -> None:
    """Run all migrations forth, back and forth; then compare with the models."""
    _run("migrate", env=env)
    for app in APPS:
        _run("migrate", app, "zero", env=env)
    _run("migrate", env=env)
    _run("makemigrations", "--check", "--dry-run", env=env)
    _run("check", env=env)


def make(env: dict[str, str], message: str) -> None:
    """Write migrations, for a person to read and complete."""
    before = set(SOURCE.glob("*/migrations/*.py"))
    _run("migrate", env=env)
    name = re.sub(r"\W+", "_", message.lower()).strip("_")
    _run("makemigrations", "--name", name, env=env)
    for path in sorted(set(SOURCE.glob("*/migrations/*.py")) - before):
        for command in (("format",), ("check", "--fix")):
            subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--quiet", str(path)],
                cwd=ROOT,
                check=False,
            )
        print(f"Read and complete {path.relative_to(ROOT)}, then: uv run just migrate")


def _run(*arguments: str, env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerError(f"{done.stdout}\n`manage.py {' '.join(arguments)}` failed.")


def main() -> int:
    """Do what the arguments say."""
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
