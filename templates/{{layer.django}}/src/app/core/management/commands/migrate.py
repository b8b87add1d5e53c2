from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections

from app.core.db.reachability import describe_failure

LOCK_TIMEOUT = "3s"
STATEMENT_TIMEOUT = "5min"
ADVISORY_LOCK_TIMEOUT = "15min"


class Command(migrate.Command):
    """Django's, as the role of MIGRATION_DATABASE_URL, with lock and statement time-outs."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        if failure := describe_failure("MIGRATION_DATABASE_URL"):
            raise CommandError(failure)
        with connections[options["database"]].cursor() as cursor:
            # Of two deployments at once, the second waits and finds nothing left to migrate.
            cursor.execute(
                f"SET lock_timeout = 0; SET statement_timeout = '{ADVISORY_LOCK_TIMEOUT}'"
            )
            cursor.execute("SELECT pg_advisory_lock(hashtext('migrations'))")
            cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            cursor.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
        super().handle(*args, **options)
