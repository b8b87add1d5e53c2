"""The command line: `python -m app COMMAND` runs a management command, as `manage.py` does."""

import os
import sys

from django.core.management import execute_from_command_line, load_command_class

# They do without `django.setup()`, which takes seconds: too long for a health check, and gunicorn's
# workers do it after the fork.
WITHOUT_SETUP = {"alive", "web"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.config.settings")
    argv = ["python -m app", *sys.argv[1:]]
    name = argv[1] if len(argv) > 1 else ""
    if name in WITHOUT_SETUP:
        load_command_class("app.core", name).run_from_argv(argv)
    else:
        execute_from_command_line(argv)


if __name__ == "__main__":
    main()
