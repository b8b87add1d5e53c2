"""The periodic work of the scheduler: enqueue scheduled jobs, redeliver lost messages."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Interval, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core.db.unit_of_work import unit_of_work
from app.core.ids import uuid7
from app.core.jobs import attempts, registry
from app.core.jobs.attempts import CLAIM_GRACE
from app.core.jobs.outbox import DUE, dispatch, now
from app.core.jobs.registry import job
from app.core.models import IdempotencyKey, OutboxEntry
from app.settings import settings

BATCH = 500


def run_schedule() -> None:
    """Run one round. Several schedulers can run it at the same time."""
    _enqueue_scheduled()
    redeliver()


def _enqueue_scheduled() -> None:
    rows = [
        {"id": uuid7(), "job": name, "arguments": {}, "context": {}, "schedule_key": key}
        for name, key in registry.schedule_keys(datetime.now(UTC)).items()
    ]
    if rows:
        with unit_of_work() as session:
            session.execute(
                insert(OutboxEntry)
                .values(rows)
                .on_conflict_do_nothing(index_elements=["schedule_key"])
            )


def redeliver() -> int:
    """Dispatch due jobs that no worker runs and that have no recent message; count them."""
    count = 0
    while True:
        job_ids = _mark_dispatched()
        count += len(job_ids)
        if not dispatch(job_ids):
            with unit_of_work() as session:
                session.execute(
                    update(OutboxEntry)
                    .where(OutboxEntry.id.in_(job_ids))
                    .values(dispatched_at=None, dispatches=OutboxEntry.dispatches - 1)
                )
            break
        if len(job_ids) < BATCH:
            break
    with unit_of_work() as session:
        oldest = session.scalar(select(func.min(OutboxEntry.available_at)).where(DUE))
    attempts.record_oldest_due(oldest)
    return count


def _mark_dispatched() -> Sequence[UUID]:
    # Exponential backoff: a long queue must not be flooded with messages for jobs that still wait.
    seconds = settings.scheduler_interval_seconds * func.power(
        2.0, func.least(OutboxEntry.dispatches, 6)
    )
    backoff = func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=Interval)
    with unit_of_work() as session:
        found = session.scalars(
            select(OutboxEntry.id)
            .where(DUE)
            .where(
                or_(
                    OutboxEntry.dispatched_at.is_(None),
                    OutboxEntry.dispatched_at < now() - backoff,
                    # Started, and the row is not locked: the worker was killed.
                    and_(
                        OutboxEntry.started_at > OutboxEntry.dispatched_at,
                        OutboxEntry.started_at < now() - CLAIM_GRACE,
                    ),
                )
            )
            .order_by(OutboxEntry.available_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        job_ids = found.all()
        if job_ids:
            session.execute(
                update(OutboxEntry)
                .where(OutboxEntry.id.in_(job_ids))
                .values(dispatched_at=now(), dispatches=OutboxEntry.dispatches + 1)
            )
    return job_ids


@job("core.purge", every=timedelta(hours=1))
def purge(session: Session) -> None:
    """Delete jobs that were done 7 days ago, and expired idempotency keys."""
    session.execute(delete(OutboxEntry).where(OutboxEntry.done_at < now() - registry.KEEP_DONE))
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at < now()))
