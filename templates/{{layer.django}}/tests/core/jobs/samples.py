"""Jobs to test workers with, and what they leave behind."""

import os
import signal
import time
from typing import Any
from uuid import UUID

from django.db import connection

from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import outbox
from app.core.jobs.execution import current_job_id
from app.core.jobs.registry import job
from app.core.models import OutboxEntry
from app.settings import settings


def starts(job_id: UUID) -> int:
    """Count how often a job has been begun."""
    return len(list(settings.heartbeat_dir.glob(f"{job_id}-*")))


@job("samples.effect")
def effect(*, first_takes: float = 0) -> None:
    """Leave a row, with the tenant that the database knows; the first attempt takes time."""
    job_id = current_job_id()
    attempt = starts(job_id) + 1
    (settings.heartbeat_dir / f"{job_id}-{attempt}").touch()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO effects (job_id, organization_id, process)"
            " VALUES (%s, nullif(current_setting('app.organization_id', true), ''), %s)",
            [job_id, os.getpid()],
        )
    if attempt == 1:
        time.sleep(first_takes)


@job("samples.poison", max_attempts=2)
def poison() -> None:
    """Kill the process that runs it."""
    (settings.heartbeat_dir / f"{current_job_id()}-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def enqueue(name: str, **arguments: Any) -> UUID:
    """Enqueue a job."""
    with unit_of_work():
        return outbox.enqueue(name, **arguments)


def find(job_id: UUID) -> OutboxEntry:
    """Read how far a job has come."""
    return OutboxEntry.objects.get(id=job_id)


def effects_of(job_id: UUID) -> list[tuple[str | None, int]]:
    """List what a job has left: the tenant, and the process that ran it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT organization_id, process FROM effects WHERE job_id = %s", [job_id])
        return list(cursor.fetchall())


def ticked() -> bool:
    """Tell whether a scheduler has been at work."""
    return OutboxEntry.objects.filter(schedule_key__startswith="core.purge:").exists()
