from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from app.core.db.unit_of_work import unit_of_work
from app.core.errors import AppError
from app.core.jobs import outbox
from app.core.jobs.attempts import summarize


class Command(BaseCommand):
    help = "List the jobs of the outbox, or replay a dead letter."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        shown = actions.add_parser("list", help="List jobs that are not done.")
        shown.add_argument(
            "--dead-letters", action="store_true", help="Only jobs that failed for good."
        )
        replayed = actions.add_parser(
            "replay", help="Run a dead letter again, with all its attempts."
        )
        replayed.add_argument("job_id", type=UUID)

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        try:
            with unit_of_work():
                if action == "list":
                    self._list(dead_letters=options["dead_letters"])
                else:
                    outbox.replay(options["job_id"])
        except AppError as error:
            raise CommandError(error.detail) from error

    def _list(self, *, dead_letters: bool) -> None:
        for entry in outbox.list_jobs(dead_letters=dead_letters):
            self.stdout.write(summarize(entry))
