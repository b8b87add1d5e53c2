from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from app.config.api import api
from app.core.web import openapi_file


class Command(BaseCommand):
    help = "Write the OpenAPI document to openapi.json."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Fail when openapi.json is not up to date."
        )

    def handle(self, *_: Any, check: bool, **__: Any) -> None:
        if not check:
            openapi_file.write(api.document)
        elif not openapi_file.is_current(api.document):
            raise CommandError(openapi_file.STALE)
