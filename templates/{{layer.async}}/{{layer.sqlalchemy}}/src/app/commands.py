"""What the commands of `python -m app` do in the database."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries, service
from app.core import redis
from app.core.db.engine import engine
from app.core.db.unit_of_work import unit_of_work
from app.core.errors import NotFound
from app.core.jobs import outbox
from app.core.jobs.attempts import summarize
from app.seed import seed_demo


def _synchronous[**P, Result](
    function: Callable[P, Coroutine[Any, Any, Result]],
) -> Callable[P, Result]:
    """Run a coroutine function in an event loop, and then close the connections."""

    async def run_and_close(*arguments: P.args, **named: P.kwargs) -> Result:
        try:
            return await function(*arguments, **named)
        finally:
            await redis.client.aclose()
            await engine.dispose()

    @wraps(function)
    def run(*arguments: P.args, **named: P.kwargs) -> Result:
        return asyncio.run(run_and_close(*arguments, **named))

    return run


@_synchronous
async def seed() -> None:
    await seed_demo()


@_synchronous
async def list_jobs(*, dead_letters: bool) -> list[str]:
    """Return a line for each open job, or else for each dead letter."""
    async with unit_of_work() as session:
        entries = await outbox.list_jobs(session, dead_letters=dead_letters)
        return [summarize(entry) for entry in entries]


@_synchronous
async def replay_job(job_id: UUID) -> None:
    """Make a dead letter an open job with all its attempts; NotFound when it is none."""
    async with unit_of_work() as session:
        await outbox.replay(session, job_id)


@_synchronous
async def set_user_disabled(email: str, *, disabled: bool) -> None:
    """Disable or enable an account; NotFound when there is none with this address."""
    async with unit_of_work() as session:
        change = service.disable_user if disabled else service.enable_user
        await change(session, user_id=await _get_user_id(session, email))


@_synchronous
async def create_user(email: str, *, name: str | None, password: str, verified: bool) -> None:
    """Create an account; Conflict if the address has one, Invalid by the rules of a sign-up."""
    async with unit_of_work() as session:
        await service.create_user(
            session, email=email, name=name, password=password, verified=verified
        )


@_synchronous
async def verify_user(email: str) -> None:
    """Verify the address of an account; NotFound when there is none, Conflict if it is verified."""
    async with unit_of_work() as session:
        await service.verify_user(session, user_id=await _get_user_id(session, email))


async def _get_user_id(session: AsyncSession, email: str) -> UUID:
    user_id = await queries.find_user_id(session, email.strip().lower())
    if user_id is None:
        raise NotFound("account with this address")
    return user_id
