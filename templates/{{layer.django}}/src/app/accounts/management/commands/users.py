from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from app.accounts import queries, service
from app.core.db.unit_of_work import unit_of_work
from app.core.errors import AppError, NotFound

ACTIONS = {
    "disable": "End every session of an account at once, and refuse to sign in to it.",
    "enable": "Allow the owner of a disabled account to sign in again.",
    "make-staff": "Give an account every permission in the admin.",
    "revoke-staff": "Revoke an account's access to the admin at once.",
}


class Command(BaseCommand):
    help = "Disable and enable accounts; give and revoke access to the admin."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, text in ACTIONS.items():
            actions.add_parser(name, help=text).add_argument("email")

    def handle(self, *_: Any, action: str, email: str, **__: Any) -> None:
        try:
            with unit_of_work():
                user_id = queries.find_user_id(email.strip().lower())
                if user_id is None:
                    raise NotFound("account with this address")
                match action:
                    case "disable":
                        service.disable_user(user_id=user_id)
                    case "enable":
                        service.enable_user(user_id=user_id)
                    case _:
                        service.set_staff(user_id=user_id, staff=action == "make-staff")
        except AppError as error:
            raise CommandError(error.detail) from error
