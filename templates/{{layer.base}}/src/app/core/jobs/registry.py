"""The registry of declared jobs, by name.

The composition root fills it by importing every module's `jobs`.
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
KEEP_DONE = timedelta(days=7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """A declared job: arguments are stored as JSON, and have the annotated types at run time."""

    name: str
    function: Callable[..., Any]
    arguments: type[BaseModel]
    max_attempts: int
    timeout: float
    every: timedelta | None
    on_dead_letter: Callable[..., Any] | None

    def pack(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Validate arguments and convert them to JSON; raises pydantic.ValidationError."""
        return self.arguments.model_validate(arguments).model_dump(mode="json")

    def unpack(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Convert stored JSON to the arguments of `function`."""
        return dict(self.arguments.model_validate(stored))


_jobs: dict[str, Job] = {}


def job[Function: Callable[..., Any]](
    name: str,
    *,
    max_attempts: int = 5,
    timeout: float = 300,
    every: timedelta | None = None,
    on_dead_letter: Callable[..., Any] | None = None,
) -> Callable[[Function], Function]:
    """Declare `function(*, ...)` as the job `name`; with SQLAlchemy, `session` comes first.

    Its arguments are keyword-only, of types that Pydantic can write as JSON. `timeout` is in
    seconds. With `every` it takes no arguments and is scheduled once in each such period since
    1970 (UTC). `on_dead_letter` is called with the same arguments when the last attempt has failed.
    """
    if every is not None and not timedelta(seconds=30) <= every <= timedelta(days=1):
        # A done job, the record that its period was enqueued, is deleted after KEEP_DONE.
        raise ValueError("`every` must be between 30 seconds and 1 day")

    def declare(function: Function) -> Function:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
        if parameters and parameters[0].name == "session":
            del parameters[0]
        if any(parameter.kind is not parameter.KEYWORD_ONLY for parameter in parameters):
            raise TypeError(f"{name}: the arguments of a job are keyword-only")
        if every is not None and parameters:
            raise TypeError(f"{name}: a scheduled job takes no arguments")
        if name in _jobs:
            raise ValueError(f"two jobs are declared with the name {name}")
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
        _jobs[name] = Job(name, function, arguments, max_attempts, timeout, every, on_dead_letter)
        return function

    return declare


def find(name: str) -> Job | None:
    """Return the job with this name, or None."""
    return _jobs.get(name)


def get(name: str) -> Job:
    """Return the job with this name; raises LookupError."""
    declared = find(name)
    if declared is None:
        raise LookupError(f"there is no job {name}")
    return declared


def every_job() -> list[Job]:
    """Return all declared jobs."""
    return list(_jobs.values())


def period_start(every: timedelta, now: datetime) -> datetime:
    """Return the start of the current period: the same value for every scheduler."""
    return now - (now - _EPOCH) % every


def schedule_keys(now: datetime) -> dict[str, str]:
    """Return the `schedule_key` of the current period of each scheduled job, by name."""
    return {
        declared.name: f"{declared.name}:{period_start(declared.every, now):%FT%T}"
        for declared in every_job()
        if declared.every
    }


def backoff(attempt: int) -> timedelta:
    """Return the wait after the n-th failure: exponential from 5 s to 1 h, with jitter."""
    longest: timedelta = min(FIRST_BACKOFF * 2 ** min(attempt - 1, 20), LONGEST_BACKOFF)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter, no secret
