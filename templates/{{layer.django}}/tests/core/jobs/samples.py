"""Sample jobs for the tests of worker processes, and functions to inspect their effects."""

import os
import signal
import time
from typing import Any
from uuid import UUID

from django.db import connection

from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import outbox
from app.core.jobs.current_job import current_job_id
from app.core.jobs.registry import job
from app.core.models import OutboxEntry
from app.settings import settings


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


def enqueue(name: str, **arguments: Any) -> UUID:
    with unit_of_work():
        return outbox.enqueue(name, **arguments)


def get_entry(job_id: UUID) -> OutboxEntry:
    return OutboxEntry.objects.get(id=job_id)


def list_effects(job_id: UUID) -> list[tuple[str | None, int]]:
    """List the rows that a job inserted: organization and process id."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT organization_id, process FROM effects WHERE job_id = %s", [job_id])
        return list(cursor.fetchall())


def schedule_has_run() -> bool:
    """Return whether a scheduler has enqueued `core.purge`."""
    return OutboxEntry.objects.filter(schedule_key__startswith="core.purge:").exists()
