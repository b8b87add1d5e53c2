from typing import Any

from django.core.management.base import BaseCommand, CommandError

from app import demo
from app.seed import STAFF_EMAIL, seed_demo
from app.settings import settings


class Command(BaseCommand):
    help = "Create a demo organization in a development database. It can be run again."
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        if settings.environment == "production":
            raise CommandError(demo.REFUSED)
        seed_demo()
        admin = f"{settings.public_url}/{settings.admin_path}/"
        self.stdout.write(f"Admin: {admin} as {STAFF_EMAIL}, with the same password")
        self.stdout.write(demo.SIGN_IN)
