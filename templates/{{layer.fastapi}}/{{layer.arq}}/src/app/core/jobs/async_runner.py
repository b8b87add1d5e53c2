"""Runs asynchronous functions in the event loop of ARQ."""

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from app.core import redis
from app.core.db.engine import engine


async def call(function: Callable[..., Coroutine[Any, Any, None]], *arguments: UUID) -> None:
    """Await a coroutine function, in the event loop of the worker or the scheduler."""
    await function(*arguments)


async def close() -> None:
    """Close the connections of this process to PostgreSQL and Redis."""
    await engine.dispose()
    await redis.client.aclose()
