"""Sample jobs for the tests of worker processes, and functions to inspect their effects."""

import asyncio
import os
import signal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import outbox
from app.core.jobs.current_job import current_job_id
from app.core.jobs.registry import job
from app.core.models import OutboxEntry
from app.settings import settings


def count_starts(job_id: UUID) -> int:
    """Count the attempts of a job: each creates a file, which survives a killed worker."""
    return len(list(settings.heartbeat_dir.glob(f"{job_id}-*")))


@job("samples.effect")
async def effect(session: AsyncSession, *, first_attempt_seconds: float = 0) -> None:
    """Insert a row with the current tenant and process id; the first attempt then sleeps."""
    job_id = current_job_id()
    attempt = count_starts(job_id) + 1
    (settings.heartbeat_dir / f"{job_id}-{attempt}").touch()
    await session.execute(
        text(
            "INSERT INTO effects (job_id, organization_id, process)"
            " VALUES (:job, nullif(current_setting('app.organization_id', true), ''), :process)"
        ),
        {"job": job_id, "process": os.getpid()},
    )
    if attempt == 1:
        await asyncio.sleep(first_attempt_seconds)


@job("samples.kill_worker", max_attempts=2)
async def kill_worker(session: AsyncSession) -> None:
    """Kill the worker with SIGKILL."""
    (settings.heartbeat_dir / f"{current_job_id()}-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


async def enqueue(name: str, **arguments: Any) -> UUID:
    async with unit_of_work() as session:
        return await outbox.enqueue(session, name, **arguments)


async def get_entry(job_id: UUID) -> OutboxEntry:
    async with unit_of_work() as session:
        entry = await session.get(OutboxEntry, job_id)
        assert entry is not None
        return entry


async def list_effects(job_id: UUID) -> list[tuple[str | None, int]]:
    """List the rows that a job inserted: organization and process id."""
    async with unit_of_work() as session:
        rows = await session.execute(
            text("SELECT organization_id, process FROM effects WHERE job_id = :job"),
            {"job": job_id},
        )
        return [(row.organization_id, row.process) for row in rows]


async def schedule_has_run() -> bool:
    """Return whether a scheduler has enqueued `core.purge`."""
    async with unit_of_work() as session:
        found = await session.scalar(
            select(OutboxEntry.id).where(OutboxEntry.schedule_key.startswith("core.purge:"))
        )
    return found is not None
