"""The transactional outbox (rule 7): a row, written in the transaction that caused it, is the job.

The message that a worker receives only names the row. So a lost or duplicated message, a killed
worker or an emptied Redis neither loses a job nor applies its effect twice: see
`app.core.jobs.execution`.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import context
from app.core.db.unit_of_work import after_commit
from app.core.errors import NotFound
from app.core.ids import uuid7
from app.core.jobs import broker, registry
from app.core.models import OutboxEntry

logger = logging.getLogger(__name__)

now = func.clock_timestamp
OPEN = and_(OutboxEntry.done_at.is_(None), OutboxEntry.dead_lettered_at.is_(None))
DUE = and_(OPEN, OutboxEntry.available_at <= now())


async def enqueue(
    session: AsyncSession, name: str, /, *, delay: timedelta | None = None, **arguments: Any
) -> UUID:
    """Write a job into this transaction: it runs, after `delay`, if and only if that commits.

    Raises LookupError for a name that is not declared, ValidationError for wrong arguments.
    """
    packed = registry.get(name).pack(arguments)
    entry = OutboxEntry(id=uuid7(), job=name, arguments=packed, context=context.pack())
    if delay:
        entry.available_at = now() + delay
    else:
        # Marked as dispatched before the commit, which saves a transaction. If dispatching fails,
        # the scheduler redelivers the message like one that was lost.
        entry.dispatched_at = now()
        entry.dispatches = 1
        _dispatch_after_commit(session, entry.id)
    session.add(entry)
    return entry.id


def _dispatch_after_commit(session: AsyncSession, job_id: UUID) -> None:
    """Dispatch all jobs of one transaction together."""
    job_ids: list[UUID] | None = session.info.get("outbox")
    if job_ids is None:
        job_ids = session.info["outbox"] = []
        after_commit(session, partial(dispatch, job_ids))
    job_ids.append(job_id)


async def dispatch(job_ids: Sequence[UUID]) -> bool:
    """Publish a message for each job; return False, and log, when the broker does not take them."""
    try:
        if job_ids:
            await broker.publish(job_ids)
    except Exception as error:  # noqa: BLE001 - the row is committed: after any error the scheduler redelivers
        logger.warning("dispatch failed", extra={"count": len(job_ids), "error": repr(error)})
        return False
    return True


async def list_jobs(
    session: AsyncSession, *, dead_letters: bool = False, limit: int = 100
) -> Sequence[OutboxEntry]:
    """List open jobs, or else dead letters, oldest first."""
    wanted = OutboxEntry.dead_lettered_at.is_not(None) if dead_letters else OPEN
    found = await session.scalars(
        select(OutboxEntry).where(wanted).order_by(OutboxEntry.id).limit(limit)
    )
    return found.all()


async def replay(session: AsyncSession, job_id: UUID) -> None:
    """Make a dead letter an open job with all its attempts; NotFound when it is none."""
    found = await session.scalar(
        update(OutboxEntry)
        .where(OutboxEntry.id == job_id, OutboxEntry.dead_lettered_at.is_not(None))
        .values(
            dead_lettered_at=None,
            started_at=None,
            dispatched_at=None,
            attempts=0,
            dispatches=0,
            available_at=now(),
        )
        .returning(OutboxEntry.id)
    )
    if found is None:
        raise NotFound("dead letter")
    _dispatch_after_commit(session, job_id)
