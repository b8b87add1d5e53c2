"""Runs synchronous functions in threads, from the event loop of ARQ."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from threading import Thread
from uuid import UUID

from app.core import redis
from app.core.db import connections


async def call(function: Callable[..., None], *arguments: UUID) -> None:
    """Run a function in a daemon thread, and await its end.

    The thread ends with the process: after the grace of a shutdown, the outbox redelivers its job.
    """
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def run() -> None:
        outcome: Exception | None = None
        try:
            with connections.returned_to_pool():
                function(*arguments)
        except Exception as error:  # noqa: BLE001 - raised where the call is awaited
            outcome = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, done, outcome)

    Thread(target=copy_context().run, args=(run,), daemon=True).start()
    await done


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return  # cancelled after the time limit
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


async def close() -> None:
    """Close the connections of this process to PostgreSQL and Redis."""
    connections.close_all()
    redis.client.close()
