import sys
from typing import Any, Literal

from django.core.management.base import BaseCommand, CommandParser

from app.core.ops import heartbeat


class Command(BaseCommand):
    help = "Exit with 0 if the worker or scheduler on this host has a recent heartbeat, else 1."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", choices=("worker", "scheduler"))

    def handle(self, *_: Any, role: Literal["worker", "scheduler"], **__: Any) -> None:
        sys.exit(0 if heartbeat.is_alive(role) else 1)
