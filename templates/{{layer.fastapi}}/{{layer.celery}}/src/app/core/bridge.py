"""Between Celery, which is synchronous, and the rest of the service, which is not."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID

from app.core import database

# One per process, made after the fork: an event loop and its connections cannot be shared.
_runner: asyncio.Runner | None = None


def call(function: Callable[..., Coroutine[Any, Any, None]], *arguments: UUID) -> None:
    """Call a function of the service, in a child process of the worker or in the scheduler."""
    global _runner  # noqa: PLW0603 - a process has one
    if _runner is None:
        _runner = asyncio.Runner()
    _runner.run(function(*arguments), context=contextvars.copy_context())


def close(**_: object) -> None:
    """Give back what `call` has used."""
    global _runner  # noqa: PLW0603 - one in each process
    if _runner is not None:
        _runner.run(database.engine.dispose())
        _runner.close()
        _runner = None


def sender(
    send: Callable[[Sequence[UUID]], None], seconds: float
) -> Callable[[Sequence[UUID]], Awaitable[None]]:
    """Make what requests await of what sends hints."""

    async def send_in_time(job_ids: Sequence[UUID]) -> None:
        async with asyncio.timeout(seconds + len(job_ids) / 100):
            await asyncio.to_thread(send, job_ids)

    return send_in_time
