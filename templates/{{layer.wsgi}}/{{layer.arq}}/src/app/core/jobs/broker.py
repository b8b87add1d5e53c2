"""Publishes messages to the workers, through ARQ's queue in Redis.

ARQ's own client is asynchronous; this module writes the same entries.
"""

import json
import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from arq.constants import expires_extra_ms, job_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms

from app.core import redis

QUEUE = "jobs"
RUN_JOB = "run_job"


def serialize(message: dict[str, Any]) -> bytes:
    """Write a message as JSON: ARQ's default is pickle, which executes code from Redis."""
    return json.dumps(message, default=repr).encode()


def publish(job_ids: Sequence[UUID]) -> None:
    """Publish a message for each job; raises when Redis does not take them in about a second."""
    now = timestamp_ms()
    with redis.client.pipeline() as pipeline:
        for job_id in job_ids:
            # An id of its own. With the job's id ARQ would drop the message that replaces one of a
            # killed worker.
            message_id = secrets.token_hex(16)
            message = serialize_job(RUN_JOB, (str(job_id),), {}, None, now, serializer=serialize)
            pipeline.psetex(job_key_prefix + message_id, expires_extra_ms, message)
            pipeline.zadd(QUEUE, {message_id: now})
        pipeline.execute()
