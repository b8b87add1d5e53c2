"""The command line: `python -m app COMMAND`."""

import logging
import sys
from typing import Any, Literal
from uuid import UUID

import click

from app.core.errors import AppError
from app.settings import settings


class _Commands(click.Group):
    """Reports a domain error as the error of the command."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AppError as error:
            raise click.ClickException(error.detail) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run and operate the service."""
    # Alembic logs each of its plugins when it is imported, and each use of a database.
    logging.getLogger("alembic").setLevel(logging.WARNING)


@main.command()
@click.option("--reload", is_flag=True, help="Restart when the code changes (development).")
def web(*, reload: bool) -> None:
    """Serve HTTP on HOST and PORT."""
    from app.core.web import server

    server.serve("app.main:create_app()", reload=reload)


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
    from app import modules
    from app.core.ops import log, telemetry

    log.configure()
    telemetry.configure()
    modules.load("models")
    modules.load("jobs")


@main.command()
@click.argument("role", type=click.Choice(["worker", "scheduler"]))
def alive(role: Literal["worker", "scheduler"]) -> None:
    """Exit with 0 if the worker or scheduler on this host has a recent heartbeat."""
    from app.core.ops import heartbeat

    sys.exit(0 if heartbeat.is_alive(role) else 1)


@main.command()
def migrate() -> None:
    """Bring the database to this release's migrations, as the owner role."""
    from alembic import command
    from alembic.util import CommandError

    from app.core.db.migrations import alembic_config
    from app.core.db.reachability import describe_failure

    if failure := describe_failure("MIGRATION_DATABASE_URL"):
        raise click.ClickException(failure)
    try:
        command.upgrade(alembic_config(), "head")
    except CommandError as error:
        raise click.ClickException(str(error)) from error


@main.command()
def seed() -> None:
    """Create demo data in a development database, unless they exist."""
    from app import commands, demo

    if settings.environment == "production":
        raise click.ClickException(demo.REFUSED)
    _prepare()
    commands.seed()
    click.echo(demo.SIGN_IN)


@main.command()
def shell() -> None:
    """Open a Python shell with the unit of work, the tenancy helpers and the models."""
    _prepare()
    from app.shell import run_shell

    run_shell()


@main.command()
@click.option("--check", is_flag=True, help="Fail when openapi.json is not up to date.")
def openapi(*, check: bool) -> None:
    """Write the OpenAPI document to openapi.json."""
    from app.core.web import openapi_file
    from app.core.web.openapi import describe
    from app.main import create_app

    document = describe(create_app())
    if not check:
        openapi_file.write(document)
    elif not openapi_file.is_current(document):
        raise click.ClickException(openapi_file.STALE)


@main.group()
def jobs() -> None:
    """List and replay jobs of the outbox."""


@jobs.command("list")
@click.option("--dead-letters", is_flag=True, help="Only dead letters: jobs that failed for good.")
def list_jobs(*, dead_letters: bool) -> None:
    """List jobs that are not done."""
    _prepare()
    from app import commands

    for line in commands.list_jobs(dead_letters=dead_letters):
        click.echo(line)


@jobs.command()
@click.argument("job_id", type=click.UUID)
def replay(job_id: UUID) -> None:
    """Run a dead letter again, with all its attempts."""
    _prepare()
    from app import commands

    commands.replay_job(job_id)


@main.group()
def users() -> None:
    """Create, verify, disable and enable accounts."""


@users.command()
@click.argument("email")
@click.option("--name", help="Not set: the part of the address before the @.")
@click.option("--verified", is_flag=True, help="Send no mail: the address is known to be right.")
def create(email: str, *, name: str | None, verified: bool) -> None:
    """Create an account.

    The password is asked for, or it is the first line of stdin.
    """
    _prepare()
    from app import commands
    from app.core.security.password_prompt import read_new_password

    commands.create_user(email, name=name, password=read_new_password(), verified=verified)


@users.command()
@click.argument("email")
def verify(email: str) -> None:
    """Verify the address of an account whose mail does not arrive."""
    _prepare()
    from app import commands

    commands.verify_user(email)


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """End all sessions of an account and refuse sign-in."""
    _set_disabled(email, disabled=True)


@users.command()
@click.argument("email")
def enable(email: str) -> None:
    """Allow sign-in to a disabled account again."""
    _set_disabled(email, disabled=False)


def _set_disabled(email: str, *, disabled: bool) -> None:
    _prepare()
    from app import commands

    commands.set_user_disabled(email, disabled=disabled)


if __name__ == "__main__":
    main()
