"""Sample jobs, and functions to arrange and inspect the rows of the outbox."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import context
from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import execution, outbox
from app.core.jobs.current_job import current_job_id
from app.core.jobs.registry import job
from app.core.models import OutboxEntry
from app.settings import settings

# What the jobs of this process have recorded.
calls: list[Any] = []


async def enqueue(name: str, **arguments: Any) -> UUID:
    async with unit_of_work() as session:
        return await outbox.enqueue(session, name, **arguments)


async def get_entry(job_id: UUID) -> OutboxEntry:
    async with unit_of_work() as session:
        return await session.get_one(OutboxEntry, job_id)


async def list_entries() -> Sequence[OutboxEntry]:
    async with unit_of_work() as session:
        return (await session.scalars(select(OutboxEntry).order_by(OutboxEntry.id))).all()


async def update_entry(job_id: UUID, **values: Any) -> None:
    async with unit_of_work() as session:
        await session.execute(update(OutboxEntry).where(OutboxEntry.id == job_id).values(**values))


async def lock_entry(session: AsyncSession, job_id: UUID) -> None:
    """Lock a row, as a worker does while the job runs."""
    await session.get_one(OutboxEntry, job_id, with_for_update=True)


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


@job("samples.arguments")
async def record_arguments(
    session: AsyncSession, *, item_id: UUID, at: datetime, count: int = 1
) -> None:
    calls.append((item_id, at, count, current_job_id(), context.current()))


@job("samples.settings")
async def record_settings(session: AsyncSession) -> None:
    """Record the tenant and the time limits."""
    names = ("app.organization_id", "statement_timeout", "idle_in_transaction_session_timeout")
    calls.append([await session.scalar(select(func.current_setting(name, True))) for name in names])


async def record_dead_letter(session: AsyncSession, *, error: str) -> None:
    tenant = await session.scalar(select(func.current_setting("app.organization_id", True)))
    calls.append(("dead letter", error, tenant))


@job("samples.fail", max_attempts=2, on_dead_letter=record_dead_letter)
async def fail(session: AsyncSession, *, error: str) -> None:
    calls.append("attempt")
    await outbox.enqueue(session, "samples.settings")  # rolled back by the error
    raise RuntimeError(error)


@job("samples.slow", timeout=0.2)
async def slow(session: AsyncSession) -> None:
    await session.execute(text("SELECT pg_sleep(30)"))


def block(seconds: float) -> None:
    """Block the thread, as a computation does."""
    time.sleep(seconds)


@job("samples.compute", timeout=0.2)
async def compute(session: AsyncSession) -> None:
    await outbox.enqueue(session, "samples.settings")  # rolled back by the time-out
    await session.flush()
    block(3)


@job("samples.overtaken", max_attempts=1, on_dead_letter=record_dead_letter)
async def be_overtaken(session: AsyncSession, *, error: str) -> None:
    """Lose the transaction, as after a time limit, and let another worker claim the job."""
    with suppress(OperationalError):
        await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await execution.run_job(current_job_id())
    raise RuntimeError(error)


@job("samples.parent")
async def enqueue_another(session: AsyncSession) -> None:
    await outbox.enqueue(session, "samples.settings")
    calls.append("parent")
