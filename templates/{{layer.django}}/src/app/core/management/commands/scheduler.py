from typing import Any

from django.core.management.base import BaseCommand

from app.core.jobs import worker


class Command(BaseCommand):
    help = "Enqueue scheduled jobs and redeliver lost messages. One process is enough."
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        worker.run_scheduler()
