"""Runs asynchronous functions in the synchronous processes of Celery."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from app.core.db.engine import engine

# One per process, created after the fork: an event loop and its connections cannot be shared.
_runner: asyncio.Runner | None = None


def call(function: Callable[..., Coroutine[Any, Any, None]], *arguments: UUID) -> None:
    """Run a coroutine function, in a child process of the worker or in the scheduler."""
    global _runner  # noqa: PLW0603 - one for each process
    if _runner is None:
        _runner = asyncio.Runner()
    _runner.run(function(*arguments), context=contextvars.copy_context())


def close(**_: object) -> None:
    """Close the event loop and the database connections of this process."""
    global _runner  # noqa: PLW0603 - one for each process
    if _runner is not None:
        _runner.run(engine.dispose())
        _runner.close()
        _runner = None
