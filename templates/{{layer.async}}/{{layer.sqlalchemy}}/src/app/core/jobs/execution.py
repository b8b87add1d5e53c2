"""Runs one job of the outbox: claim, execute, and retry or dead letter.

A worker holds a lock on the row while the job runs, and marks the row as done in the transaction
of the effect. The lock ends with the connection, so a killed worker releases it.
"""

import asyncio
import logging
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import context
from app.core.db.tenancy import enter_organization
from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import attempts
from app.core.jobs.attempts import CLAIM_GRACE, Attempt
from app.core.jobs.current_job import running
from app.core.jobs.outbox import DUE, OPEN, now
from app.core.models import OutboxEntry

logger = logging.getLogger(__name__)


async def run_job(job_id: UUID) -> None:
    """Run the job, unless it is done, is not due, or another worker runs it."""
    attempt = await _claim(job_id)
    if attempt is None:
        return
    with running(job_id, attempt.job.name, attempt.context):
        if attempt.exhausted:
            await _move_to_dead_letter(attempt, attempts.KILLED)
            return
        with attempts.measure(attempt):
            try:
                await _execute(attempt)
            except Exception as error:  # noqa: BLE001 - any error of a job is a failed attempt: retried, then a dead letter
                await _fail(attempt, error)


async def _claim(job_id: UUID) -> Attempt | None:
    """Count the attempt in a transaction of its own: it counts even if the worker is killed."""
    async with unit_of_work() as session:
        entry = await session.scalar(
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
        attempt = attempts.plan(entry)
        if attempt and not attempt.exhausted:
            entry.attempts = attempt.number
            entry.started_at = now()
    return attempt


async def _execute(attempt: Attempt) -> None:
    """Run the job and mark it as done in one transaction, unless another worker has it."""
    async with unit_of_work() as session:
        locked = await session.scalar(
            select(OutboxEntry.id).where(_is_current(attempt)).with_for_update(skip_locked=True)
        )
        if locked is None:
            return
        await _enter(session, attempt)
        async with asyncio.timeout(attempt.job.timeout):
            await attempt.job.function(session, **attempt.unpack())
        await _set(session, attempt, done_at=now(), last_error=None)
    attempts.record_success(attempt)


async def _enter(session: AsyncSession, attempt: Attempt) -> None:
    """Set the job's tenant, and the job's time limits instead of those of a request."""
    limit = attempt.time_limit()
    await session.execute(
        select(
            func.set_config("statement_timeout", limit, True),
            func.set_config("idle_in_transaction_session_timeout", limit, True),
        )
    )
    if organization_id := context.current().organization_id:
        await enter_organization(session, organization_id)


async def _fail(attempt: Attempt, error: Exception) -> None:
    """Schedule the next attempt, or move the job to the dead letters after the last one."""
    reason = attempts.describe(error)
    wait = attempts.retry_wait(attempt)
    if wait is None:
        await _move_to_dead_letter(attempt, reason)
        return
    async with unit_of_work() as session:
        updated = await _set(
            session,
            attempt,
            available_at=now() + wait,
            started_at=None,
            dispatched_at=None,
            dispatches=0,
            last_error=reason,
        )
    if updated:
        attempts.record_retry(attempt, error, wait)


async def _move_to_dead_letter(attempt: Attempt, reason: str) -> None:
    """Mark the job as a dead letter, and call `on_dead_letter` of its declaration."""
    values = {"dead_lettered_at": now(), "last_error": reason}
    try:
        async with unit_of_work() as session:
            if not await _set(session, attempt, **values):
                return
            if attempt.job.on_dead_letter:
                await _enter(session, attempt)
                await attempt.job.on_dead_letter(session, **attempt.unpack())
    except Exception:
        logger.exception("on_dead_letter failed")
        async with unit_of_work() as session:
            await _set(session, attempt, **values)
    attempts.record_dead_letter(attempt, reason)


def _is_current(attempt: Attempt) -> ColumnElement[bool]:
    """Match the row while it is open and `attempt` is its latest.

    An attempt can outlive its time limit: PostgreSQL ends its transaction, and another worker
    claims the job. The number of the attempt (a fencing token) keeps the outcome of the old one
    out of the row.
    """
    return and_(OutboxEntry.id == attempt.job_id, OutboxEntry.attempts == attempt.number, OPEN)


async def _set(session: AsyncSession, attempt: Attempt, **values: Any) -> bool:
    """Write the outcome of an attempt; False when it is no longer the current one."""
    updated = await session.scalar(
        update(OutboxEntry).where(_is_current(attempt)).values(**values).returning(OutboxEntry.id)
    )
    return updated is not None
