"""Jobs to test workers with, and what they leave behind."""

import asyncio
import os
import signal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import outbox
from app.core.jobs.execution import current_job_id
from app.core.jobs.registry import job
from app.core.models import OutboxEntry
from app.settings import settings


def starts(job_id: UUID) -> int:
    """Count how often a job has been begun."""
    return len(list(settings.heartbeat_dir.glob(f"{job_id}-*")))


@job("samples.effect")
async def effect(session: AsyncSession, *, first_takes: float = 0) -> None:
    """Leave a row, with the tenant that the database knows; the first attempt takes time."""
    job_id = current_job_id()
    attempt = starts(job_id) + 1
    (settings.heartbeat_dir / f"{job_id}-{attempt}").touch()
    await session.execute(
        text(
            "INSERT INTO effects (job_id, organization_id, process)"
            " VALUES (:job, nullif(current_setting('app.organization_id', true), ''), :process)"
        ),
        {"job": job_id, "process": os.getpid()},
    )
    if attempt == 1:
        await asyncio.sleep(first_takes)


@job("samples.poison", max_attempts=2)
async def poison(session: AsyncSession) -> None:
    """Kill the process that runs it."""
    (settings.heartbeat_dir / f"{current_job_id()}-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


async def enqueue(name: str, **arguments: Any) -> UUID:
    """Enqueue a job."""
    async with unit_of_work() as session:
        return await outbox.enqueue(session, name, **arguments)


async def find(job_id: UUID) -> OutboxEntry:
    """Read how far a job has come."""
    async with unit_of_work() as session:
        entry = await session.get(OutboxEntry, job_id)
        assert entry is not None
        return entry


async def effects_of(job_id: UUID) -> list[tuple[str | None, int]]:
    """List what a job has left: the tenant, and the process that ran it."""
    async with unit_of_work() as session:
        rows = await session.execute(
            text("SELECT organization_id, process FROM effects WHERE job_id = :job"),
            {"job": job_id},
        )
        return [(row.organization_id, row.process) for row in rows]


async def ticked() -> bool:
    """Tell whether a scheduler has been at work."""
    async with unit_of_work() as session:
        found = await session.scalar(
            select(OutboxEntry.id).where(OutboxEntry.schedule_key.startswith("core.purge:"))
        )
    return found is not None
