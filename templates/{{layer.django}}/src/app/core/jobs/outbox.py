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

from django.db import transaction

from app.core import context
from app.core.errors import NotFound
from app.core.ids import uuid7
from app.core.jobs import broker, registry
from app.core.models import ClockTimestamp, OutboxEntry

logger = logging.getLogger(__name__)

now = ClockTimestamp


def enqueue(name: str, /, *, delay: timedelta | None = None, **arguments: Any) -> UUID:
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
        transaction.on_commit(partial(dispatch, [entry.id]))
    entry.save(force_insert=True)
    return entry.id


def dispatch(job_ids: Sequence[UUID]) -> bool:
    """Publish a message for each job; return False, and log, when the broker does not take them."""
    try:
        if job_ids:
            broker.publish(job_ids)
    except Exception as error:  # noqa: BLE001 - the row is committed: after any error the scheduler redelivers
        logger.warning("dispatch failed", extra={"count": len(job_ids), "error": repr(error)})
        return False
    return True


def list_jobs(*, dead_letters: bool = False, limit: int = 100) -> Sequence[OutboxEntry]:
    """List open jobs, or else dead letters, oldest first."""
    jobs = OutboxEntry.objects
    wanted = jobs.dead_letters() if dead_letters else jobs.open()
    return list(wanted.order_by("id")[:limit])


def replay(job_id: UUID) -> None:
    """Make a dead letter an open job with all its attempts; NotFound when it is none."""
    found = (
        OutboxEntry.objects.dead_letters()
        .filter(id=job_id)
        .update(
            dead_lettered_at=None,
            started_at=None,
            dispatched_at=None,
            attempts=0,
            dispatches=0,
            available_at=now(),
        )
    )
    if not found:
        raise NotFound("dead letter")
    transaction.on_commit(partial(dispatch, [job_id]))
