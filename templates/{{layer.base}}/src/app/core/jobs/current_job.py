"""The job that this task or thread runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import structlog

from app.core import context

_running: ContextVar[UUID] = ContextVar("running_job")


def current_job_id() -> UUID:
    """Return the id of the running job: the idempotency key for effects outside the database.

    Raises LookupError outside of a job.
    """
    return _running.get()


@contextmanager
def running(job_id: UUID, name: str, packed: dict[str, Any]) -> Iterator[None]:
    """Run in the context, packed by `context.pack`, of the request that caused the job."""
    outside = context.current()
    context.bind(context.unpack(packed, default_request_id=job_id.hex))
    token = _running.set(job_id)
    with structlog.contextvars.bound_contextvars(job=name, job_id=str(job_id)):
        try:
            yield
        finally:
            _running.reset(token)
            context.bind(outside)
