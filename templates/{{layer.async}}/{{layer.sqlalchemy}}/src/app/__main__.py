"""The command line: `python -m app COMMAND`."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import click

from app.settings import settings

OPENAPI_FILE = Path("openapi.json")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run and operate the service."""


def _run(work: Coroutine[Any, Any, None]) -> None:
    async def run_and_close() -> None:
        from app.core import redis
        from app.core.db.engine import engine

        try:
            await work
        finally:
            await redis.client.aclose()
            await engine.dispose()

    asyncio.run(run_and_close())


@main.command()
@click.option("--reload", is_flag=True, help="Restart when the code changes (development).")
def web(*, reload: bool) -> None:
    """Serve HTTP on HOST and PORT."""
    from app.core.web import server

    server.serve("app.main:create_app", reload=reload)


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

    from app.core.db.migrations import alembic_config

    command.upgrade(alembic_config(), "head")


@main.command()
def seed() -> None:
    """Create demo data in a development database, unless they exist."""
    if settings.environment == "production":
        raise click.ClickException("ENVIRONMENT is production: the demo user has a known password.")
    _prepare()
    from app.demo import EMAIL, PASSWORD
    from app.seed import seed_demo

    _run(seed_demo())
    click.echo(f"Sign in: {EMAIL} with the password {PASSWORD!r}")


@main.command()
@click.option("--check", is_flag=True, help="Fail when openapi.json is not up to date.")
def openapi(*, check: bool) -> None:
    """Write the OpenAPI document to openapi.json."""
    from app.core.web.openapi import describe
    from app.main import create_app

    document = describe(create_app())
    if not check:
        text = json.dumps(document, indent=2, ensure_ascii=False)
        OPENAPI_FILE.write_text(text + "\n", encoding="utf-8")
    elif document != json.loads(OPENAPI_FILE.read_text(encoding="utf-8")):
        raise click.ClickException("openapi.json is stale: run `just openapi` and commit it.")


@main.group()
def jobs() -> None:
    """List and replay jobs of the outbox."""


@jobs.command("list")
@click.option("--dead-letters", is_flag=True, help="Only dead letters: jobs that failed for good.")
def list_jobs(*, dead_letters: bool) -> None:
    """List jobs that are not done."""
    _prepare()

    async def show() -> None:
        from app.core.db.unit_of_work import unit_of_work
        from app.core.jobs.outbox import list_jobs

        async with unit_of_work() as session:
            for entry in await list_jobs(session, dead_letters=dead_letters):
                state = "dead letter" if entry.dead_lettered_at else "open"
                click.echo(
                    f"{entry.id}  {state}  {entry.job}  attempts={entry.attempts}"
                    f"  {entry.last_error or ''}"
                )

    _run(show())


@jobs.command()
@click.argument("job_id", type=click.UUID)
def replay(job_id: UUID) -> None:
    """Run a dead letter again, with all its attempts."""
    _prepare()

    async def run_again() -> None:
        from app.core.db.unit_of_work import unit_of_work
        from app.core.errors import AppError
        from app.core.jobs.outbox import replay

        try:
            async with unit_of_work() as session:
                await replay(session, job_id)
        except AppError as error:
            raise click.ClickException(error.detail) from error

    _run(run_again())


@main.group()
def users() -> None:
    """Disable and enable accounts."""


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """End all sessions of an account and refuse sign-in."""
    _run(_set_disabled(email, disabled=True))


@users.command()
@click.argument("email")
def enable(email: str) -> None:
    """Allow sign-in to a disabled account again."""
    _run(_set_disabled(email, disabled=False))


async def _set_disabled(email: str, *, disabled: bool) -> None:
    _prepare()
    from app.accounts import queries, service
    from app.core.db.unit_of_work import unit_of_work
    from app.core.errors import AppError

    try:
        async with unit_of_work() as session:
            user_id = await queries.find_user_id(session, email.strip().lower())
            if user_id is None:
                raise click.ClickException("There is no account with this address.")
            change = service.disable_user if disabled else service.enable_user
            await change(session, user_id=user_id)
    except AppError as error:
        raise click.ClickException(error.detail) from error


if __name__ == "__main__":
    main()
