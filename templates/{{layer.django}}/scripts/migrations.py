"""Check or write migrations, on a throw-away database.

python -m scripts.migrations check          they apply, revert, and match the models
python -m scripts.migrations make MESSAGE   write migrations for changes of the models
"""

import os
import re
import subprocess
import sys

from app.modules import MODULES
from tools.devservers import ROOT, ServerError, throw_away

SOURCE = ROOT / "src" / "app"
# The migrations of accounts are not reverted: those of libraries depend on them.
REVERTED = ("core", *(name for name in MODULES if name != "accounts"))


def check() -> None:
    """Apply, revert and apply all migrations; then compare them with the models."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    for app in reversed(REVERTED):
        if (SOURCE / app / "migrations").is_dir():
            call_command("migrate", app, "zero", verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("makemigrations", check_changes=True, dry_run=True)
    call_command("check", fail_level="WARNING")


def make(message: str) -> None:
    from django.core.management import call_command

    before = set(SOURCE.glob("*/migrations/*.py"))
    call_command("migrate", verbosity=0)
    call_command("makemigrations", name=re.sub(r"\W+", "_", message.lower()).strip("_"))
    for path in sorted(set(SOURCE.glob("*/migrations/*.py")) - before):
        for command in (("format",), ("check", "--fix")):
            subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--quiet", str(path)],
                cwd=ROOT,
                check=False,
            )
        print(f"Read and complete {path.relative_to(ROOT)}, then: uv run just migrate")


def _set_up(environment: dict[str, str]) -> None:
    os.environ |= {
        **environment,
        "ENVIRONMENT": "test",
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "app.config.settings",
    }
    import django

    django.setup()


def main() -> int:
    try:
        with throw_away() as servers:
            _set_up(servers.urls().environment())
            from django.db import connections

            match sys.argv[1:]:
                case ["check"]:
                    check()
                case ["make", message]:
                    make(message)
                case _:
                    print(__doc__, file=sys.stderr)
                    return 2
            connections.close_all()
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
