"""Publishes messages to the workers, through ARQ."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from arq import ArqRedis

from app.core import redis

QUEUE = "jobs"
RUN_JOB = "run_job"
_PUBLISH_TIMEOUT_SECONDS = 1


def serialize(message: dict[str, Any]) -> bytes:
    """Write a message as JSON: ARQ's default is pickle, which executes code from Redis."""
    return json.dumps(message, default=repr).encode()


_queue = ArqRedis(
    redis.client.connection_pool,
    job_serializer=serialize,
    job_deserializer=json.loads,
    default_queue_name=QUEUE,
)


async def publish(job_ids: Sequence[UUID]) -> None:
    """Publish a message for each job; raises when Redis does not take them in about a second."""
    async with asyncio.timeout(_PUBLISH_TIMEOUT_SECONDS + len(job_ids) / 100):
        for job_id in job_ids:
            # ARQ gives each message an id of its own. With the job's id it would drop the message
            # that replaces one of a killed worker.
            await _queue.enqueue_job(RUN_JOB, str(job_id))
