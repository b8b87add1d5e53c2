"""Runs one job of the outbox: claim, execute, and retry or dead letter.

A worker holds a lock on the row while the job runs, and marks the row as done in the transaction
of the effect. The lock ends with the connection, so a killed worker releases it.
"""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from app.core import context
from app.core.db.tenancy import enter_organization
from app.core.db.unit_of_work import current, unit_of_work
from app.core.jobs import registry
from app.core.jobs.current_job import running
from app.core.jobs.outbox import now
from app.core.jobs.registry import Job
from app.core.models import OutboxEntry, OutboxQuerySet
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
    with unit_of_work():
        entry = (
            OutboxEntry.objects.due()
            .filter(Q(started_at=None) | Q(started_at__lt=now() - CLAIM_GRACE), id=job_id)
            .select_for_update(skip_locked=True)
            .first()
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
            entry.save(update_fields=("attempts", "started_at"))
        if entry.attempts == 1:
            waited = datetime.now(UTC) - entry.available_at
            telemetry.job_queue_latency.labels(entry.job).observe(max(0, waited.total_seconds()))
    return entry, declared, exhausted


def _execute(entry: OutboxEntry, declared: Job) -> bool:
    """Run the job and mark it as done in one transaction; False when another worker has it."""
    with unit_of_work():
        if not _current(entry).select_for_update(skip_locked=True).values_list("id"):
            return False
        _enter(declared)
        declared.function(**declared.unpack(entry.arguments))
        _set(entry, done_at=now(), last_error=None)
    return True


def _enter(declared: Job) -> None:
    """Set the job's tenant, and the job's time limits instead of those of a request."""
    limit = str(round(declared.timeout * 1000))
    current().set_local(statement_timeout=limit, idle_in_transaction_session_timeout=limit)
    if organization_id := context.current().organization_id:
        enter_organization(organization_id)


def _fail(entry: OutboxEntry, declared: Job, error: Exception) -> None:
    """Schedule the next attempt, or move the job to the dead letters after the last one."""
    reason = redact(f"{type(error).__name__}: {error}")[:1000]
    if entry.attempts >= declared.max_attempts:
        _move_to_dead_letter(entry, declared, reason)
        return
    wait = registry.backoff(entry.attempts)
    with unit_of_work():
        updated = _set(
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
        with unit_of_work():
            if not _set(entry, **values):
                return
            if declared.on_dead_letter:
                _enter(declared)
                declared.on_dead_letter(**declared.unpack(entry.arguments))
    except Exception:
        logger.exception("on_dead_letter failed")
        with unit_of_work():
            _set(entry, **values)
    telemetry.job_failed.labels(entry.job).inc()
    logger.error("job moved to dead letters", extra={"attempt": entry.attempts, "reason": reason})


def _current(entry: OutboxEntry) -> OutboxQuerySet:
    """Find the row while it is open and `entry` is its latest attempt.

    An attempt can outlive its time limit: PostgreSQL ends its transaction, and another worker
    claims the job. The number of the attempt (a fencing token) keeps the outcome of the old one
    out of the row.
    """
    return OutboxEntry.objects.open().filter(id=entry.id, attempts=entry.attempts)


def _set(entry: OutboxEntry, **values: Any) -> bool:
    """Write the outcome of an attempt; False when it is no longer the current one."""
    return _current(entry).update(**values) == 1
