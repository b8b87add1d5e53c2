import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from app.config.api import api

FILE = Path("openapi.json")


class Command(BaseCommand):
    help = "Write the OpenAPI document to openapi.json."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Fail when openapi.json is not up to date."
        )

    def handle(self, *_: Any, check: bool, **__: Any) -> None:
        document = api.document
        if not check:
            text = json.dumps(document, indent=2, ensure_ascii=False)
            FILE.write_text(text + "\n", encoding="utf-8")
        elif document != json.loads(FILE.read_text(encoding="utf-8")):
            raise CommandError("openapi.json is stale: run `just openapi` and commit it.")
