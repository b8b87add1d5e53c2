"""Sample jobs, and functions to arrange and inspect the rows of the outbox."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection

from app.core import context
from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import execution, outbox
from app.core.jobs.current_job import current_job_id
from app.core.jobs.registry import job
from app.core.models import OutboxEntry
from app.settings import settings
from tests.concurrency import run_concurrently

# What the jobs of this process have recorded.
calls: list[Any] = []


def enqueue(name: str, **arguments: Any) -> UUID:
    with unit_of_work():
        return outbox.enqueue(name, **arguments)


def get_entry(job_id: UUID) -> OutboxEntry:
    return OutboxEntry.objects.get(id=job_id)


def list_entries() -> Sequence[OutboxEntry]:
    return list(OutboxEntry.objects.order_by("id"))


def update_entry(job_id: UUID, **values: Any) -> None:
    OutboxEntry.objects.filter(id=job_id).update(**values)


def lock_entry(job_id: UUID) -> None:
    """Lock a row, as a worker does while the job runs."""
    OutboxEntry.objects.select_for_update().get(id=job_id)


def count_starts(job_id: UUID) -> int:
    """Count the attempts of a job: each creates a file, which survives a killed worker."""
    return len(list(settings.heartbeat_dir.glob(f"{job_id}-*")))


@job("samples.effect")
def effect(*, first_attempt_seconds: float = 0) -> None:
    """Insert a row with the current tenant and process id; the first attempt then sleeps."""
    job_id = current_job_id()
    attempt = count_starts(job_id) + 1
    (settings.heartbeat_dir / f"{job_id}-{attempt}").touch()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO effects (job_id, organization_id, process)"
            " VALUES (%s, nullif(current_setting('app.organization_id', true), ''), %s)",
            [job_id, os.getpid()],
        )
    if attempt == 1:
        time.sleep(first_attempt_seconds)


@job("samples.kill_worker", max_attempts=2)
def kill_worker() -> None:
    """Kill the worker with SIGKILL."""
    (settings.heartbeat_dir / f"{current_job_id()}-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


@job("samples.arguments")
def record_arguments(*, item_id: UUID, at: datetime, count: int = 1) -> None:
    calls.append((item_id, at, count, current_job_id(), context.current()))


def get_setting(name: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true)", [name])
        return cursor.fetchone()[0]


@job("samples.settings")
def record_settings() -> None:
    """Record the tenant and the time limits."""
    names = ("app.organization_id", "statement_timeout", "idle_in_transaction_session_timeout")
    calls.append([get_setting(name) for name in names])


def record_dead_letter(*, error: str) -> None:
    calls.append(("dead letter", error, get_setting("app.organization_id")))


@job("samples.fail", max_attempts=2, on_dead_letter=record_dead_letter)
def fail(*, error: str) -> None:
    calls.append("attempt")
    outbox.enqueue("samples.settings")  # rolled back by the error
    raise RuntimeError(error)


@job("samples.slow", timeout=0.2)
def slow() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(30)")


@job("samples.compute", timeout=0.2)
def compute() -> None:
    """Block the thread, as a computation does."""
    outbox.enqueue("samples.settings")  # rolled back by the time-out
    time.sleep(3)


@job("samples.overtaken", max_attempts=1, on_dead_letter=record_dead_letter)
def be_overtaken(*, error: str) -> None:
    """Lose the transaction, as after a time limit, and let another worker claim the job."""
    job_id = current_job_id()
    with suppress(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    run_concurrently([partial(execution.run_job, job_id)])
    raise RuntimeError(error)


@job("samples.parent")
def enqueue_another() -> None:
    outbox.enqueue("samples.settings")
    calls.append("parent")
