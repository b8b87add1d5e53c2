"""Sample jobs, and functions to arrange and inspect the rows of the outbox."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.core import context
from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import execution, outbox
from app.core.jobs.current_job import current_job_id
from app.core.jobs.registry import job
from app.core.models import OutboxEntry
from app.settings import settings

# What the jobs of this process have recorded.
calls: list[Any] = []


def enqueue(name: str, **arguments: Any) -> UUID:
    with unit_of_work() as session:
        return outbox.enqueue(session, name, **arguments)


def get_entry(job_id: UUID) -> OutboxEntry:
    with unit_of_work() as session:
        return session.get_one(OutboxEntry, job_id)


def list_entries() -> Sequence[OutboxEntry]:
    with unit_of_work() as session:
        return (session.scalars(select(OutboxEntry).order_by(OutboxEntry.id))).all()


def update_entry(job_id: UUID, **values: Any) -> None:
    with unit_of_work() as session:
        session.execute(update(OutboxEntry).where(OutboxEntry.id == job_id).values(**values))


def lock_entry(session: Session, job_id: UUID) -> None:
    """Lock a row, as a worker does while the job runs."""
    session.get_one(OutboxEntry, job_id, with_for_update=True)


def count_starts(job_id: UUID) -> int:
    """Count the attempts of a job: each creates a file, which survives a killed worker."""
    return len(list(settings.heartbeat_dir.glob(f"{job_id}-*")))


@job("samples.effect")
def effect(session: Session, *, first_attempt_seconds: float = 0) -> None:
    """Insert a row with the current tenant and process id; the first attempt then sleeps."""
    job_id = current_job_id()
    attempt = count_starts(job_id) + 1
    (settings.heartbeat_dir / f"{job_id}-{attempt}").touch()
    session.execute(
        text(
            "INSERT INTO effects (job_id, organization_id, process)"
            " VALUES (:job, nullif(current_setting('app.organization_id', true), ''), :process)"
        ),
        {"job": job_id, "process": os.getpid()},
    )
    if attempt == 1:
        time.sleep(first_attempt_seconds)


@job("samples.kill_worker", max_attempts=2)
def kill_worker(session: Session) -> None:
    """Kill the worker with SIGKILL."""
    (settings.heartbeat_dir / f"{current_job_id()}-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


@job("samples.arguments")
def record_arguments(session: Session, *, item_id: UUID, at: datetime, count: int = 1) -> None:
    calls.append((item_id, at, count, current_job_id(), context.current()))


@job("samples.settings")
def record_settings(session: Session) -> None:
    """Record the tenant and the time limits."""
    names = ("app.organization_id", "statement_timeout", "idle_in_transaction_session_timeout")
    calls.append([session.scalar(select(func.current_setting(name, True))) for name in names])


def record_dead_letter(session: Session, *, error: str) -> None:
    tenant = session.scalar(select(func.current_setting("app.organization_id", True)))
    calls.append(("dead letter", error, tenant))


@job("samples.fail", max_attempts=2, on_dead_letter=record_dead_letter)
def fail(session: Session, *, error: str) -> None:
    calls.append("attempt")
    outbox.enqueue(session, "samples.settings")  # rolled back by the error
    raise RuntimeError(error)


@job("samples.slow", timeout=0.2)
def slow(session: Session) -> None:
    session.execute(text("SELECT pg_sleep(30)"))


def block(seconds: float) -> None:
    """Block the thread, as a computation does."""
    time.sleep(seconds)


@job("samples.compute", timeout=0.2)
def compute(session: Session) -> None:
    outbox.enqueue(session, "samples.settings")  # rolled back by the time-out
    session.flush()
    block(3)


@job("samples.overtaken", max_attempts=1, on_dead_letter=record_dead_letter)
def be_overtaken(session: Session, *, error: str) -> None:
    """Lose the transaction, as after a time limit, and let another worker claim the job."""
    with suppress(OperationalError):
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    execution.run_job(current_job_id())
    raise RuntimeError(error)


@job("samples.parent")
def enqueue_another(session: Session) -> None:
    outbox.enqueue(session, "samples.settings")
    calls.append("parent")
