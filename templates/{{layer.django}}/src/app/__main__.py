"""The command line: `python -m app COMMAND`, one process of the service each."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from uuid import UUID

import click

from app.settings import settings

OPENAPI_FILE = Path("openapi.json")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run the service, or look after it."""


@main.command()
@click.option("--reload", is_flag=True, help="Restart when the code changes (development).")
def web(*, reload: bool) -> None:
    """Serve HTTP on HOST and PORT."""
    from app.core.web import server

    server.serve("app.wsgi:application", reload=reload)


@main.command()
def worker() -> None:
    """Run jobs."""
    _prepare()
    from app.core.jobs.worker import run_worker

    run_worker()


@main.command()
def scheduler() -> None:
    """Enqueue scheduled jobs and redeliver lost messages. One process is enough."""
    _prepare()
    from app.core.jobs.worker import run_scheduler

    run_scheduler()


def _prepare() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.django_settings")
    django.setup()


@main.command()
@click.argument("role", type=click.Choice(["worker", "scheduler"]))
def alive(role: Literal["worker", "scheduler"]) -> None:
    """Exit with 0 if the worker or scheduler on this host has a recent heartbeat."""
    from app.core.ops import heartbeat

    sys.exit(0 if heartbeat.is_alive(role) else 1)


@main.command()
def migrate() -> None:
    """Bring the database to this release's migrations, as the owner role."""
    _prepare()
    from django.core.management import call_command

    call_command("migrate")


@main.command()
def seed() -> None:
    """Put a demo organization into a development database; again is harmless."""
    if settings.environment == "production":
        raise click.ClickException("The demo data have a known password: not in production.")
    _prepare()
    from app.demo import EMAIL, PASSWORD
    from app.seed import STAFF_EMAIL, seed_demo

    seed_demo()
    click.echo(f"Sign in: {EMAIL} with the password {PASSWORD!r}")
    admin = f"{settings.public_url}/{settings.admin_path}/"
    click.echo(f"Admin: {admin} as {STAFF_EMAIL}, with the same password")


@main.command()
@click.option("--check", is_flag=True, help="Fail when openapi.json is not up to date.")
def openapi(*, check: bool) -> None:
    """Write the OpenAPI document to openapi.json."""
    _prepare()
    from app.api import api

    document = api.document
    if not check:
        text = json.dumps(document, indent=2, ensure_ascii=False)
        OPENAPI_FILE.write_text(text + "\n", encoding="utf-8")
    elif document != json.loads(OPENAPI_FILE.read_text(encoding="utf-8")):
        raise click.ClickException("openapi.json is stale: run `just openapi` and commit it.")


@main.group()
def jobs() -> None:
    """Look at the outbox."""


@jobs.command("list")
@click.option("--dead-letters", is_flag=True, help="Only jobs that failed for good.")
def list_jobs(*, dead_letters: bool) -> None:
    """List jobs that are not done."""
    _prepare()

    def show() -> None:
        from app.core.db.unit_of_work import unit_of_work
        from app.core.jobs.outbox import list_jobs

        with unit_of_work():
            for entry in list_jobs(dead_letters=dead_letters):
                state = "dead letter" if entry.dead_lettered_at else "open"
                click.echo(
                    f"{entry.id}  {state}  {entry.job}  attempts={entry.attempts}"
                    f"  {entry.last_error or ''}"
                )

    show()


@jobs.command()
@click.argument("job_id", type=click.UUID)
def replay(job_id: UUID) -> None:
    """Run a dead letter again, with all its attempts."""
    _prepare()

    def run_again() -> None:
        from app.core.db.unit_of_work import unit_of_work
        from app.core.errors import AppError
        from app.core.jobs.outbox import replay

        try:
            with unit_of_work():
                replay(job_id)
        except AppError as error:
            raise click.ClickException(error.detail) from error

    run_again()


@main.group()
def users() -> None:
    """Shut accounts, open them again, and say who is staff."""


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """End every session of an account at once, and let nobody sign in to it."""
    _set_disabled(email, disabled=True)


@users.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let the owner of a disabled account sign in again."""
    _set_disabled(email, disabled=False)


@users.command("make-staff")
@click.argument("email")
def make_staff(email: str) -> None:
    """Let the owner of an account do everything in the admin."""
    _set_staff(email, staff=True)


@users.command("revoke-staff")
@click.argument("email")
def revoke_staff(email: str) -> None:
    """Shut the admin to somebody, at once. The account stays as it is."""
    _set_staff(email, staff=False)


def _set_disabled(email: str, *, disabled: bool) -> None:
    def change(user_id: UUID) -> None:
        from app.accounts import service

        (service.disable_user if disabled else service.enable_user)(user_id=user_id)

    _change_user(email, change)


def _set_staff(email: str, *, staff: bool) -> None:
    def change(user_id: UUID) -> None:
        from app.accounts import service

        service.set_staff(user_id=user_id, staff=staff)

    _change_user(email, change)


def _change_user(email: str, change: Callable[[UUID], None]) -> None:
    _prepare()
    from app.accounts import queries
    from app.core.db.unit_of_work import unit_of_work
    from app.core.errors import AppError

    try:
        with unit_of_work():
            user_id = queries.find_user_id(email.strip().lower())
            if user_id is None:
                raise click.ClickException("There is no account with this address.")
            change(user_id)
    except AppError as error:
        raise click.ClickException(error.detail) from error


if __name__ == "__main__":
    main()
