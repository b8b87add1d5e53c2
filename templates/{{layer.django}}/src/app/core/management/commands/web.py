from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from app.core.web import server


class Command(BaseCommand):
    help = "Serve HTTP on HOST and PORT with gunicorn."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reload", action="store_true", help="Restart when the code changes (development)."
        )

    def handle(self, *_: Any, reload: bool, **__: Any) -> None:
        server.serve("app.config.wsgi:application", reload=reload)
