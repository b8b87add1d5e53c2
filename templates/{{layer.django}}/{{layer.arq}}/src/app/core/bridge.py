"""Between ARQ, which is asynchronous, and the rest of the service, which is not."""

import asyncio
import json
import secrets
from collections.abc import Callable, Sequence
from contextvars import copy_context
from threading import Thread
from typing import Any
from uuid import UUID

from arq.constants import expires_extra_ms, job_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms
from django.db import connections

from app.core import redis

QUEUE = "jobs"


def serialize(message: dict[str, Any]) -> bytes:
    """Make JSON of a hint: ARQ's default is pickle, which runs the code of who writes to Redis."""
    return json.dumps(message, default=repr).encode()


def send(job_ids: Sequence[UUID]) -> None:
    """Send a hint for each job, as ARQ's own client does; raises when that cannot be done soon."""
    now = timestamp_ms()
    with redis.client.pipeline() as pipeline:
        for job_id in job_ids:
            # Not under the job's own id: ARQ would drop the hint that replaces a dead worker's.
            hint = secrets.token_hex(16)
            message = serialize_job("run", (str(job_id),), {}, None, now, serializer=serialize)
            pipeline.psetex(job_key_prefix + hint, expires_extra_ms, message)
            pipeline.zadd(QUEUE, {hint: now})
        pipeline.execute()


async def call(function: Callable[..., None], *arguments: UUID) -> None:
    """Call a function of the service in a thread.

    One that ends with the process: when the grace is over, the outbox runs its job again.
    """
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def run() -> None:
        outcome: Exception | None = None
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001 - it is raised where the call is awaited
            outcome = error
        finally:
            # The ORM's connection belongs to this thread, and goes back to the pool with it.
            connections.close_all()
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, done, outcome)

    Thread(target=copy_context().run, args=(run,), daemon=True).start()
    await done


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return  # cancelled, since it took too long
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


async def close() -> None:
    """Give back what `call` has used."""
    connections.close_all()
    redis.client.close()
