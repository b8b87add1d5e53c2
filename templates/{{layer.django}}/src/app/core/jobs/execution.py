"""Runs one job of the outbox: claim, execute, and retry or dead letter.

A worker holds a lock on the row while the job runs, and marks the row as done in the transaction
of the effect. The lock ends with the connection, so a killed worker releases it.
"""

import logging
from typing import Any
from uuid import UUID

from django.db.models import Q

from app.core import context
from app.core.db.tenancy import enter_organization
from app.core.db.unit_of_work import current, unit_of_work
from app.core.jobs import attempts
from app.core.jobs.attempts import CLAIM_GRACE, Attempt
from app.core.jobs.current_job import running
from app.core.jobs.outbox import now
from app.core.models import OutboxEntry, OutboxQuerySet

logger = logging.getLogger(__name__)


def run_job(job_id: UUID) -> None:
    """Run the job, unless it is done, is not due, or another worker runs it."""
    attempt = _claim(job_id)
    if attempt is None:
        return
    with running(job_id, attempt.job.name, attempt.context):
        if attempt.exhausted:
            _move_to_dead_letter(attempt, attempts.KILLED)
            return
        with attempts.measure(attempt):
            try:
                _execute(attempt)
            except Exception as error:  # noqa: BLE001 - any error of a job is a failed attempt: retried, then a dead letter
                _fail(attempt, error)


def _claim(job_id: UUID) -> Attempt | None:
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
        attempt = attempts.plan(entry)
        if attempt and not attempt.exhausted:
            entry.attempts = attempt.number
            entry.started_at = now()
            entry.save(update_fields=("attempts", "started_at"))
    return attempt


def _execute(attempt: Attempt) -> None:
    """Run the job and mark it as done in one transaction, unless another worker has it."""
    with unit_of_work():
        if not _current(attempt).select_for_update(skip_locked=True).values_list("id"):
            return
        _enter(attempt)
        attempt.job.function(**attempt.unpack())
        _set(attempt, done_at=now(), last_error=None)
    attempts.record_success(attempt)


def _enter(attempt: Attempt) -> None:
    """Set the job's tenant, and the job's time limits instead of those of a request."""
    limit = attempt.time_limit()
    current().set_local(statement_timeout=limit, idle_in_transaction_session_timeout=limit)
    if organization_id := context.current().organization_id:
        enter_organization(organization_id)


def _fail(attempt: Attempt, error: Exception) -> None:
    """Schedule the next attempt, or move the job to the dead letters after the last one."""
    reason = attempts.describe(error)
    wait = attempts.retry_wait(attempt)
    if wait is None:
        _move_to_dead_letter(attempt, reason)
        return
    with unit_of_work():
        updated = _set(
            attempt,
            available_at=now() + wait,
            started_at=None,
            dispatched_at=None,
            dispatches=0,
            last_error=reason,
        )
    if updated:
        attempts.record_retry(attempt, error, wait)


def _move_to_dead_letter(attempt: Attempt, reason: str) -> None:
    """Mark the job as a dead letter, and call `on_dead_letter` of its declaration."""
    values = {"dead_lettered_at": now(), "last_error": reason}
    try:
        with unit_of_work():
            if not _set(attempt, **values):
                return
            if attempt.job.on_dead_letter:
                _enter(attempt)
                attempt.job.on_dead_letter(**attempt.unpack())
    except Exception:
        logger.exception("on_dead_letter failed")
        with unit_of_work():
            _set(attempt, **values)
    attempts.record_dead_letter(attempt, reason)


def _current(attempt: Attempt) -> OutboxQuerySet:
    """Find the row while it is open and `attempt` is its latest.

    An attempt can outlive its time limit: PostgreSQL ends its transaction, and another worker
    claims the job. The number of the attempt (a fencing token) keeps the outcome of the old one
    out of the row.
    """
    return OutboxEntry.objects.open().filter(id=attempt.job_id, attempts=attempt.number)


def _set(attempt: Attempt, **values: Any) -> bool:
    """Write the outcome of an attempt; False when it is no longer the current one."""
    return _current(attempt).update(**values) == 1
