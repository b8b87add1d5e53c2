from typing import Any

from django.core.management.commands import dumpdata

from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work


class Command(dumpdata.Command):
    """Django's, with the rows of all organizations."""

    def handle(self, *args: str, **options: Any) -> None:
        with unit_of_work():
            # Otherwise row-level security hides the rows of organizations.
            tenancy.enter_staff()
            super().handle(*args, **options)
