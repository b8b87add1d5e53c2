from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from app.accounts import queries, service
from app.core.db.unit_of_work import unit_of_work
from app.core.errors import AppError, NotFound
from app.core.security.password_prompt import read_new_password

ACTIONS = {
    "verify": "Verify the address of an account whose mail does not arrive.",
    "disable": "End every session of an account at once, and refuse to sign in to it.",
    "enable": "Allow the owner of a disabled account to sign in again.",
    "make-staff": "Give an account every permission in the admin.",
    "revoke-staff": "Revoke an account's access to the admin at once.",
}


class Command(BaseCommand):
    help = "Create, verify, disable and enable accounts; give and revoke access to the admin."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser(
            "create",
            help="Create an account. The password is asked for, or the first line of stdin.",
        )
        create.add_argument("email")
        create.add_argument("--name", help="Not set: the part of the address before the @.")
        create.add_argument(
            "--verified",
            action="store_true",
            help="Send no mail: the address is known to be right.",
        )
        create.add_argument(
            "--staff",
            action="store_true",
            help="Give the account every permission in the admin; requires --verified.",
        )
        for name, text in ACTIONS.items():
            actions.add_parser(name, help=text).add_argument("email")

    def handle(self, *_: Any, action: str, email: str, **options: Any) -> None:
        try:
            if action == "create":
                _create(email, options)
            else:
                _change(action, email)
        except AppError as error:
            raise CommandError(error.detail) from error


def _create(email: str, options: dict[str, Any]) -> None:
    password = read_new_password()
    with unit_of_work():
        user_id = service.create_user(
            email=email, name=options["name"], password=password, verified=options["verified"]
        )
        if options["staff"]:
            service.set_staff(user_id=user_id, staff=True)


def _change(action: str, email: str) -> None:
    with unit_of_work():
        user_id = queries.find_user_id(email.strip().lower())
        if user_id is None:
            raise NotFound("account with this address")
        match action:
            case "verify":
                service.verify_user(user_id=user_id)
            case "disable":
                service.disable_user(user_id=user_id)
            case "enable":
                service.enable_user(user_id=user_id)
            case _:
                service.set_staff(user_id=user_id, staff=action == "make-staff")
