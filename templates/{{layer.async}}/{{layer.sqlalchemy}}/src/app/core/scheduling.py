"""What the scheduler does every `SWEEP_SECONDS`: enqueue what is scheduled, sweep the outbox."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Interval, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import database, jobs, registry, telemetry
from app.core.ids import uuid7
from app.core.models import IdempotencyKey, OutboxEntry
from app.core.registry import job
from app.settings import settings

BATCH = 500
KEEP_DONE = timedelta(days=7)

_now = func.clock_timestamp


async def tick() -> None:
    """Do all of it once; several schedulers may do so at the same time."""
    await _enqueue_scheduled()
    await sweep()


async def _enqueue_scheduled() -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "id": uuid7(),
            "job": declared.name,
            "arguments": {},
            "context": {},
            "schedule_key": f"{declared.name}:{registry.tick_of(declared.every, now):%FT%T}",
        }
        for declared in registry.every_job()
        if declared.every
    ]
    if rows:
        async with database.unit_of_work() as session:
            await session.execute(
                insert(OutboxEntry)
                .values(rows)
                .on_conflict_do_nothing(index_elements=["schedule_key"])
            )


async def sweep() -> int:
    """Send hints of what is due, is not running, and has no fresh hint; count them."""
    count = 0
    while True:
        job_ids = await _mark_dispatched()
        count += len(job_ids)
        if not await jobs.hand_over(job_ids):
            async with database.unit_of_work() as session:
                await session.execute(
                    update(OutboxEntry)
                    .where(OutboxEntry.id.in_(job_ids))
                    .values(dispatched_at=None, dispatches=OutboxEntry.dispatches - 1)
                )
            break
        if len(job_ids) < BATCH:
            break
    async with database.unit_of_work() as session:
        oldest = await session.scalar(select(func.min(OutboxEntry.available_at)).where(jobs.DUE))
    age = datetime.now(UTC) - oldest if oldest else timedelta()
    telemetry.outbox_oldest_age.set(max(0, age.total_seconds()))
    return count


async def _mark_dispatched() -> Sequence[UUID]:
    # A long queue must not be flooded with hints: each is given twice the time of the last.
    seconds = settings.sweep_seconds * func.power(2.0, func.least(OutboxEntry.dispatches, 6))
    patience = func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=Interval)
    async with database.unit_of_work() as session:
        found = await session.scalars(
            select(OutboxEntry.id)
            .where(jobs.DUE)
            .where(
                or_(
                    OutboxEntry.dispatched_at.is_(None),
                    OutboxEntry.dispatched_at < _now() - patience,
                    # Begun, and the row is not locked: its worker is gone.
                    and_(
                        OutboxEntry.started_at > OutboxEntry.dispatched_at,
                        OutboxEntry.started_at < _now() - jobs.CLAIM_GRACE,
                    ),
                )
            )
            .order_by(OutboxEntry.available_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        job_ids = found.all()
        if job_ids:
            await session.execute(
                update(OutboxEntry)
                .where(OutboxEntry.id.in_(job_ids))
                .values(dispatched_at=_now(), dispatches=OutboxEntry.dispatches + 1)
            )
    return job_ids


@job("core.purge", every=timedelta(hours=1))
async def purge(session: AsyncSession) -> None:
    """Forget jobs that were done long ago, and answers kept for idempotency keys."""
    await session.execute(delete(OutboxEntry).where(OutboxEntry.done_at < _now() - KEEP_DONE))
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at < _now()))
