"""Decisions about the attempts to run a job, and the log events and metrics of their outcomes.

They need no database: `app.core.jobs.execution` reads and writes the rows of the outbox.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from app.core.jobs import registry
from app.core.jobs.registry import Job
from app.core.ops import telemetry
from app.core.ops.log import redact

logger = logging.getLogger(__name__)

# Between its claim and its row lock, a job looks like one whose worker was killed.
CLAIM_GRACE = timedelta(seconds=5)
KILLED = "the worker was killed during each attempt"
_REASON_LENGTH = 1000


class Entry(Protocol):
    """A row of the outbox."""

    id: UUID
    job: str
    arguments: dict[str, Any]
    context: dict[str, Any]
    available_at: datetime
    attempts: int
    dead_lettered_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """The next attempt to run a job; `exhausted` when none is left: it becomes a dead letter."""

    job_id: UUID
    job: Job
    number: int
    exhausted: bool
    arguments: dict[str, Any]
    context: dict[str, Any]
    available_at: datetime

    def unpack(self) -> dict[str, Any]:
        """Return the arguments of the job's function; raises pydantic.ValidationError."""
        return self.job.unpack(self.arguments)

    def time_limit(self) -> str:
        """Return the value of PostgreSQL's time-outs for this attempt, in milliseconds."""
        # The margin lets the job's own time-out, where there is one, end the job first.
        return str(round((self.job.timeout + 2) * 1000))


def summarize(entry: Entry) -> str:
    """Return the line of a job in the output of `jobs list`."""
    state = "dead letter" if entry.dead_lettered_at else "open"
    return f"{entry.id}  {state}  {entry.job}  attempts={entry.attempts}  {entry.last_error or ''}"


def plan(entry: Entry) -> Attempt | None:
    """Plan the next attempt of a due job that no worker runs; None if this release lacks it."""
    job = registry.find(entry.job)
    if job is None:
        # A newer release declares it: the row waits for a worker of that release.
        logger.error(
            "job is not declared in this release",
            extra={"job": entry.job, "job_id": str(entry.id)},
        )
        return None
    exhausted = entry.attempts >= job.max_attempts
    return Attempt(
        job_id=entry.id,
        job=job,
        number=entry.attempts if exhausted else entry.attempts + 1,
        exhausted=exhausted,
        arguments=entry.arguments,
        context=entry.context,
        available_at=entry.available_at,
    )


def retry_wait(attempt: Attempt) -> timedelta | None:
    """Return how long a failed job waits for its next attempt; None after the last one."""
    if attempt.number >= attempt.job.max_attempts:
        return None
    return registry.backoff(attempt.number)


def describe(error: Exception) -> str:
    """Return the text of `last_error`, without secrets."""
    reason: str = redact(f"{type(error).__name__}: {error}")
    return reason[:_REASON_LENGTH]


@contextmanager
def measure(attempt: Attempt) -> Iterator[None]:
    """Record the start and the duration of an attempt, and how long the first one has waited."""
    name = attempt.job.name
    telemetry.job_started.labels(name).inc()
    if attempt.number == 1:
        telemetry.job_queue_latency.labels(name).observe(_seconds_since(attempt.available_at))
    started = time.perf_counter()
    yield
    telemetry.job_duration.labels(name).observe(time.perf_counter() - started)


def record_success(attempt: Attempt) -> None:
    telemetry.job_succeeded.labels(attempt.job.name).inc()
    logger.info("job done", extra={"attempt": attempt.number})


def record_retry(attempt: Attempt, error: Exception, wait: timedelta) -> None:
    telemetry.job_retried.labels(attempt.job.name).inc()
    logger.warning(
        "job failed, will be retried",
        exc_info=error,
        extra={"attempt": attempt.number, "wait_seconds": round(wait.total_seconds())},
    )


def record_dead_letter(attempt: Attempt, reason: str) -> None:
    telemetry.job_failed.labels(attempt.job.name).inc()
    logger.error("job moved to dead letters", extra={"attempt": attempt.number, "reason": reason})


def record_oldest_due(available_at: datetime | None) -> None:
    """Record the age of the oldest job that is due, if there is one."""
    telemetry.outbox_oldest_age.set(_seconds_since(available_at) if available_at else 0)


def _seconds_since(time: datetime) -> float:
    # Never negative: the clocks of the database and of this host can differ.
    return max(0, (datetime.now(UTC) - time).total_seconds())
