"""Between ARQ and the rest of the service."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID

from arq import ArqRedis

from app.core import database, redis

QUEUE = "jobs"
_SEND_SECONDS = 1


def serialize(message: dict[str, Any]) -> bytes:
    """Make JSON of a hint: ARQ's default is pickle, which runs the code of who writes to Redis."""
    return json.dumps(message, default=repr).encode()


_sender = ArqRedis(
    redis.client.connection_pool,
    job_serializer=serialize,
    job_deserializer=json.loads,
    default_queue_name=QUEUE,
)


async def send(job_ids: Sequence[UUID]) -> None:
    """Send a hint for each job; raises when that cannot be done in about a second."""
    async with asyncio.timeout(_SEND_SECONDS + len(job_ids) / 100):
        for job_id in job_ids:
            # Not under the job's own id: ARQ would drop the hint that replaces a dead worker's.
            await _sender.enqueue_job("run", str(job_id))


async def call(function: Callable[..., Coroutine[Any, Any, None]], *arguments: UUID) -> None:
    """Call a function of the service, in the worker's or the scheduler's event loop."""
    await function(*arguments)


async def close() -> None:
    """Give back what `call` has used."""
    await database.engine.dispose()
    await redis.client.aclose()
