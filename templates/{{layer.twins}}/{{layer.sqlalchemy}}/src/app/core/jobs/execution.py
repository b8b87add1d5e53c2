"""Runs one job of the outbox: claim, execute, and retry or dead letter.

A worker holds a lock on the row while the job runs, and marks the row as done in the transaction
of the effect. The lock ends with the connection, so a killed worker releases it.
"""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from app.core import context
from app.core.db.tenancy import enter_organization
from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import registry
from app.core.jobs.current_job import running
from app.core.jobs.outbox import DUE, OPEN, now
from app.core.jobs.registry import Job
from app.core.models import OutboxEntry
from app.core.ops import telemetry
from app.core.ops.log import redact

logger = logging.getLogger(__name__)

# Between its claim and its row lock, a job looks like one whose worker was killed.
CLAIM_GRACE = timedelta(seconds=5)


def run_job(job_id: UUID) -> None:
    """Run the job, unless it is done, is not due, or another worker runs it."""
    claimed = _claim(job_id)
    if claimed is None:
        return
    entry, declared, exhausted = claimed
    started = time.perf_counter()
    with running(entry.id, entry.job, entry.context):
        if exhausted:
            _move_to_dead_letter(entry, declared, "the worker was killed during each attempt")
            return
        telemetry.job_started.labels(entry.job).inc()
        try:
            done = _execute(entry, declared)
        except Exception as error:  # noqa: BLE001 - any error of a job is a failed attempt: retried, then a dead letter
            _fail(entry, declared, error)
        else:
            if done:
                telemetry.job_succeeded.labels(entry.job).inc()
                logger.info("job done", extra={"attempt": entry.attempts})
        telemetry.job_duration.labels(entry.job).observe(time.perf_counter() - started)


def _claim(job_id: UUID) -> tuple[OutboxEntry, Job, bool] | None:
    """Count the attempt in a transaction of its own: it counts even if the worker is killed."""
    with unit_of_work() as session:
        entry = session.scalar(
            select(OutboxEntry)
            .where(OutboxEntry.id == job_id, DUE)
            .where(
                or_(
                    OutboxEntry.started_at.is_(None),
                    OutboxEntry.started_at < now() - CLAIM_GRACE,
                )
            )
            .with_for_update(skip_locked=True)
        )
        if entry is None:
            return None
        declared = registry.find(entry.job)
        if declared is None:
            # A newer release declares it: the row waits for a worker of that release.
            logger.error(
                "job is not declared in this release",
                extra={"job": entry.job, "job_id": str(job_id)},
            )
            return None
        exhausted = entry.attempts >= declared.max_attempts
        if not exhausted:
            entry.attempts += 1
            entry.started_at = now()
        if entry.attempts == 1:
            waited = datetime.now(UTC) - entry.available_at
            telemetry.job_queue_latency.labels(entry.job).observe(max(0, waited.total_seconds()))
    return entry, declared, exhausted


def _execute(entry: OutboxEntry, declared: Job) -> bool:
    """Run the job and mark it as done in one transaction; False when another worker has it."""
    with unit_of_work() as session:
        locked = session.scalar(
            select(OutboxEntry.id).where(_is_current(entry)).with_for_update(skip_locked=True)
        )
        if locked is None:
            return False
        _enter(session, entry, declared)
        declared.function(session, **declared.unpack(entry.arguments))
        _set(session, entry, done_at=now(), last_error=None)
    return True


def _enter(session: Session, entry: OutboxEntry, declared: Job) -> None:
    """Set the job's tenant, and the job's time limits instead of those of a request."""
    # The margin lets the job's own time-out, where there is one, end the job first.
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
    """Schedule the next attempt, or move the job to the dead letters after the last one."""
    reason = redact(f"{type(error).__name__}: {error}")[:1000]
    if entry.attempts >= declared.max_attempts:
        _move_to_dead_letter(entry, declared, reason)
        return
    wait = registry.backoff(entry.attempts)
    with unit_of_work() as session:
        updated = _set(
            session,
            entry,
            available_at=now() + wait,
            started_at=None,
            dispatched_at=None,
            dispatches=0,
            last_error=reason,
        )
    if not updated:
        return
    telemetry.job_retried.labels(entry.job).inc()
    logger.warning(
        "job failed, will be retried",
        exc_info=error,
        extra={"attempt": entry.attempts, "wait_seconds": round(wait.total_seconds())},
    )


def _move_to_dead_letter(entry: OutboxEntry, declared: Job, reason: str) -> None:
    """Mark the job as a dead letter, and call `on_dead_letter` of its declaration."""
    values = {"dead_lettered_at": now(), "last_error": reason}
    try:
        with unit_of_work() as session:
            if not _set(session, entry, **values):
                return
            if declared.on_dead_letter:
                _enter(session, entry, declared)
                declared.on_dead_letter(session, **declared.unpack(entry.arguments))
    except Exception:
        logger.exception("on_dead_letter failed")
        with unit_of_work() as session:
            _set(session, entry, **values)
    telemetry.job_failed.labels(entry.job).inc()
    logger.error("job moved to dead letters", extra={"attempt": entry.attempts, "reason": reason})


def _is_current(entry: OutboxEntry) -> ColumnElement[bool]:
    """Match the row while it is open and `entry` is its latest attempt.

    An attempt can outlive its time limit: PostgreSQL ends its transaction, and another worker
    claims the job. The number of the attempt (a fencing token) keeps the outcome of the old one
    out of the row.
    """
    return and_(OutboxEntry.id == entry.id, OutboxEntry.attempts == entry.attempts, OPEN)


def _set(session: Session, entry: OutboxEntry, **values: Any) -> bool:
    """Write the outcome of an attempt; False when it is no longer the current one."""
    updated = session.scalar(
        update(OutboxEntry).where(_is_current(entry)).values(**values).returning(OutboxEntry.id)
    )
    return updated is not None
