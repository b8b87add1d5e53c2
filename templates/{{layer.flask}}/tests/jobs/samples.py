"""Jobs to test workers with."""

import os
import signal
import time
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.jobs import current_job_id, job
from app.settings import settings


def starts(job_id: UUID) -> int:
    """Count how often a job has been begun."""
    return len(list(settings.heartbeat_dir.glob(f"{job_id}-*")))


@job("samples.effect")
def effect(session: Session, *, first_takes: float = 0) -> None:
    """Leave a row, with the tenant that the database knows; the first attempt takes time."""
    job_id = current_job_id()
    attempt = starts(job_id) + 1
    (settings.heartbeat_dir / f"{job_id}-{attempt}").touch()
    session.execute(
        text(
            "INSERT INTO effects (job_id, organization_id, process)"
            " VALUES (:job, nullif(current_setting('app.organization_id', true), ''), :process)"
        ),
        {"job": job_id, "process": os.getpid()},
    )
    if attempt == 1:
        time.sleep(first_takes)


@job("samples.poison", max_attempts=2)
def poison(session: Session) -> None:
    """Kill the process that runs it."""
    (settings.heartbeat_dir / f"{current_job_id()}-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)
