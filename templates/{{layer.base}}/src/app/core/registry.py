"""What jobs there are: each is declared where its work is, and found here by name.

The composition root fills the registry by importing every module's `jobs`.
"""

import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

FIRST_BACKOFF = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """A declared job. Its arguments are kept as JSON, and are the annotated types when it runs."""

    name: str
    function: Callable[..., Any]
    arguments: type[BaseModel]
    max_attempts: int
    timeout: float
    every: timedelta | None
    on_dead: Callable[..., Any] | None

    def pack(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Check the arguments and make JSON of them."""
        return self.arguments.model_validate(arguments).model_dump(mode="json")

    def unpack(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Make the arguments of `function` from the stored JSON."""
        return dict(self.arguments.model_validate(stored))


_jobs: dict[str, Job] = {}


def job[Function: Callable[..., Any]](
    name: str,
    *,
    max_attempts: int = 5,
    timeout: float = 300,
    every: timedelta | None = None,
    on_dead: Callable[..., Any] | None = None,
) -> Callable[[Function], Function]:
    """Declare `function(*, ...)` as the job `name`; with SQLAlchemy, `session` comes first.

    Its arguments are keywords with types that JSON can hold. `timeout` is in seconds. With
    `every` it is scheduled, has no arguments, and runs once in each such span since 1970 (UTC).
    `on_dead` gets the same arguments when the last attempt has failed.
    """
    if every is not None and not timedelta(seconds=30) <= every <= timedelta(days=1):
        # What is done is forgotten after some days, and with it that a tick has been.
        raise ValueError("a job can be scheduled every 30 seconds at most, and daily at least")

    def declare(function: Function) -> Function:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
        if parameters and parameters[0].name == "session":
            del parameters[0]
        if any(parameter.kind is not parameter.KEYWORD_ONLY for parameter in parameters):
            raise TypeError(f"{name}: the arguments of a job are keyword-only")
        if every is not None and parameters:
            raise TypeError(f"{name}: a scheduled job has no arguments")
        if name in _jobs:
            raise ValueError(f"there are two jobs with the name {name}")
        fields: dict[str, Any] = {
            parameter.name: (
                parameter.annotation,
                ... if parameter.default is parameter.empty else parameter.default,
            )
            for parameter in parameters
        }
        arguments = create_model(
            name, __config__=ConfigDict(extra="forbid", hide_input_in_errors=True), **fields
        )
        _jobs[name] = Job(name, function, arguments, max_attempts, timeout, every, on_dead)
        return function

    return declare


def find(name: str) -> Job | None:
    """Find a job by its name."""
    return _jobs.get(name)


def every_job() -> list[Job]:
    """List all jobs that are declared."""
    return list(_jobs.values())


def tick_of(every: timedelta, now: datetime) -> datetime:
    """Tell when the present span began: the same for every scheduler, whenever it asks."""
    return now - (now - _EPOCH) % every


def backoff(attempt: int) -> timedelta:
    """Tell how long to wait after the n-th failure: twice as long each time, and never in step."""
    longest: timedelta = min(FIRST_BACKOFF * 2 ** min(attempt - 1, 20), LONGEST_BACKOFF)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - it is no secret
