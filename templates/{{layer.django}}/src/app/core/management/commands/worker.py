from typing import Any

from django.core.management.base import BaseCommand

from app.core.jobs import worker


class Command(BaseCommand):
    help = "Run the jobs of the outbox until SIGTERM."
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        worker.run_worker()
