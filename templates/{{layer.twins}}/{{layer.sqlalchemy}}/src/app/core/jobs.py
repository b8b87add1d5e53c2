"""Jobs, through the outbox (rule 7): a row, written in the transaction that caused it, is the job.

What is sent to the workers is only a hint to look at that row. A worker holds a lock on the row
while it runs the job, and marks it done in the transaction of the job's effect. So a lost or
doubled hint, a killed worker or an emptied Redis neither loses a job nor has its effect twice.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from app.core import context, database, engine, registry, telemetry
from app.core.deadlines import deadline
from app.core.errors import NotFound
from app.core.ids import uuid7
from app.core.log import redact
from app.core.models import OutboxEntry
from app.core.registry import Job, job
from app.core.tenancy import enter_organization

__all__ = ["current_job_id", "enqueue", "hand_over", "job", "list_jobs", "replay", "run_job"]

logger = logging.getLogger(__name__)

# Between claiming a row and locking it, a job looks as if its worker had died.
CLAIM_GRACE = timedelta(seconds=5)

_now = func.clock_timestamp
OPEN = and_(OutboxEntry.done_at.is_(None), OutboxEntry.dead_at.is_(None))
DUE = and_(OPEN, OutboxEntry.available_at <= _now())
_running: ContextVar[UUID] = ContextVar("running_job")


def current_job_id() -> UUID:
    """Name the job that runs now: the idempotency key for effects outside the database."""
    return _running.get()


def enqueue(
    session: Session, name: str, /, *, delay: timedelta | None = None, **arguments: Any
) -> UUID:
    """Write a job into this transaction: it runs, after `delay`, if and only if that commits."""
    declared = registry.find(name)
    if declared is None:
        raise LookupError(f"there is no job {name}")
    entry = OutboxEntry(
        id=uuid7(), job=name, arguments=declared.pack(arguments), context=context.pack()
    )
    if delay:
        entry.available_at = _now() + delay
    else:
        # Counted as dispatched beforehand, which saves a transaction: if it does not happen,
        # the sweeper takes it for a hint that was lost.
        entry.dispatched_at = _now()
        entry.dispatches = 1
        session.info.setdefault("outbox", []).append(entry.id)
    session.add(entry)
    return entry.id


def hand_over(job_ids: Sequence[UUID]) -> bool:
    """Send hints to the workers, if that is possible; never raises."""
    try:
        if job_ids:
            engine.send(job_ids)
    except Exception as error:  # noqa: BLE001 - whatever it is, the sweeper sends them again
        logger.warning("jobs not handed over", extra={"count": len(job_ids), "error": repr(error)})
        return False
    return True


def run_job(job_id: UUID) -> None:
    """Run the job, unless it is done, not due, or runs elsewhere."""
    claimed = _claim(job_id)
    if claimed is None:
        return
    entry, declared, exhausted = claimed
    started = time.perf_counter()
    with _bound(entry):
        if exhausted:
            _bury(entry, declared, "the worker died whenever it ran this job")
            return
        telemetry.job_started.labels(entry.job).inc()
        try:
            done = _execute(entry, declared)
        except Exception as error:  # noqa: BLE001 - a job may fail in any way
            _fail(entry, declared, error)
        else:
            if done:
                telemetry.job_succeeded.labels(entry.job).inc()
                logger.info("job done", extra={"attempt": entry.attempts})
        telemetry.job_duration.labels(entry.job).observe(time.perf_counter() - started)


def _claim(job_id: UUID) -> tuple[OutboxEntry, Job, bool] | None:
    """Count the attempt in a transaction of its own, so that it counts even if the worker dies."""
    with database.unit_of_work() as session:
        entry = session.scalar(
            select(OutboxEntry)
            .where(OutboxEntry.id == job_id, DUE)
            .where(
                or_(
                    OutboxEntry.started_at.is_(None),
                    OutboxEntry.started_at < _now() - CLAIM_GRACE,
                )
            )
            .with_for_update(skip_locked=True)
        )
        if entry is None:
            return None
        declared = registry.find(entry.job)
        if declared is None:
            # A newer release knows it: left alone, it waits for a worker of that release.
            logger.error("unknown job", extra={"job": entry.job, "job_id": str(job_id)})
            return None
        exhausted = entry.attempts >= declared.max_attempts
        if not exhausted:
            entry.attempts += 1
            entry.started_at = _now()
        if entry.attempts == 1:
            waited = datetime.now(UTC) - entry.available_at
            telemetry.job_queue_latency.labels(entry.job).observe(max(0, waited.total_seconds()))
    return entry, declared, exhausted


def _execute(entry: OutboxEntry, declared: Job) -> bool:
    """Run the job and mark it done, in one transaction; False when another worker has it."""
    with database.unit_of_work() as session:
        # The lock is the claim. It ends with the connection, so a killed worker gives it up.
        locked = session.scalar(
            select(OutboxEntry.id)
            .where(OutboxEntry.id == entry.id, OPEN)
            .with_for_update(skip_locked=True)
        )
        if locked is None:
            return False
        _enter(session, entry, declared)
        with deadline(declared.timeout):
            declared.function(session, **declared.unpack(entry.arguments))
        _set(session, entry, done_at=_now(), last_error=None)
    return True


def _enter(session: Session, entry: OutboxEntry, declared: Job) -> None:
    """Give the transaction the job's tenant, and the job's time instead of a request's."""
    # A little more, so that the job's own time-out comes first where it can.
    limit = str(round((declared.timeout + 2) * 1000))
    session.execute(
        select(
            func.set_config("statement_timeout", limit, True),
            func.set_config("idle_in_transaction_session_timeout", limit, True),
        )
    )
    if organization_id := context.current().organization_id:
        enter_organization(session, organization_id)


def _fail(entry: OutboxEntry, declared: Job, error: Exception) -> None:
    """Try again later, or give up after the last attempt."""
    reason = redact(f"{type(error).__name__}: {error}")[:1000]
    if entry.attempts >= declared.max_attempts:
        _bury(entry, declared, reason)
        return
    wait = registry.backoff(entry.attempts)
    with database.unit_of_work() as session:
        _set(
            session,
            entry,
            available_at=_now() + wait,
            started_at=None,
            dispatched_at=None,
            dispatches=0,
            last_error=reason,
        )
    telemetry.job_retried.labels(entry.job).inc()
    logger.warning(
        "job failed, to be tried again",
        exc_info=error,
        extra={"attempt": entry.attempts, "wait_seconds": round(wait.total_seconds())},
    )


def _bury(entry: OutboxEntry, declared: Job, reason: str) -> None:
    """Keep the job as dead, and tell its module."""
    dead = {"dead_at": _now(), "last_error": reason}
    try:
        with database.unit_of_work() as session:
            _set(session, entry, **dead)
            if declared.on_dead:
                _enter(session, entry, declared)
                declared.on_dead(session, **declared.unpack(entry.arguments))
    except Exception:
        logger.exception("on_dead failed")
        with database.unit_of_work() as session:
            _set(session, entry, **dead)
    telemetry.job_failed.labels(entry.job).inc()
    logger.error("job is dead", extra={"attempt": entry.attempts, "reason": reason})


def _set(session: Session, entry: OutboxEntry, **values: Any) -> None:
    session.execute(update(OutboxEntry).where(OutboxEntry.id == entry.id, OPEN).values(**values))


@contextmanager
def _bound(entry: OutboxEntry) -> Iterator[None]:
    """Work in the context of the request that caused the job."""
    outside = context.current()
    context.bind(context.unpack(entry.context, default_request_id=entry.id.hex))
    running = _running.set(entry.id)
    with structlog.contextvars.bound_contextvars(job=entry.job, job_id=str(entry.id)):
        try:
            yield
        finally:
            _running.reset(running)
            context.bind(outside)


def list_jobs(session: Session, *, dead: bool = False, limit: int = 100) -> Sequence[OutboxEntry]:
    """List what is dead, or else what is still to be done, oldest first."""
    wanted = OutboxEntry.dead_at.is_not(None) if dead else OPEN
    found = session.scalars(select(OutboxEntry).where(wanted).order_by(OutboxEntry.id).limit(limit))
    return found.all()


def replay(session: Session, job_id: UUID) -> None:
    """Give a dead job all its attempts again."""
    entry = session.scalar(
        select(OutboxEntry)
        .where(OutboxEntry.id == job_id, OutboxEntry.dead_at.is_not(None))
        .with_for_update()
    )
    if entry is None:
        raise NotFound("dead job")
    entry.dead_at = entry.started_at = entry.dispatched_at = None
    entry.attempts = entry.dispatches = 0
    entry.available_at = _now()
    session.info.setdefault("outbox", []).append(entry.id)
