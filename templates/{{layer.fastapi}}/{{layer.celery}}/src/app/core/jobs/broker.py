"""Publishes messages to the workers, through Celery."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from app.core.jobs import celery_app


async def publish(job_ids: Sequence[UUID]) -> None:
    """Publish a message for each job; raises when Redis does not take them in about a second."""
    # Celery's producer blocks, so it runs in a thread.
    async with asyncio.timeout(celery_app.PUBLISH_TIMEOUT_SECONDS + len(job_ids) / 100):
        await asyncio.to_thread(celery_app.publish, job_ids)
