"""Runs the checks of dependencies for the health endpoints."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from app.core import redis
from app.core.ops.health import TIMEOUT_SECONDS, Checks, Readiness

logger = logging.getLogger(__name__)


class Probe:
    """Runs the checks unless there are recent results.

    `is_migrated` connects to the database, and returns whether it has this release's migrations;
    `ping_database` only connects.
    """

    def __init__(
        self,
        *,
        is_migrated: Callable[[], Awaitable[bool]],
        ping_database: Callable[[], Awaitable[None]],
    ) -> None:
        self._is_migrated = is_migrated
        self._ping_database = ping_database
        self._checks = Checks()
        self._lock = asyncio.Lock()

    def drain(self) -> None:
        """Report from now on that this process is not ready."""
        self._checks.draining = True

    async def readiness(self) -> Readiness:
        async with self._lock:
            if self._checks.are_stale():
                database, pong = await asyncio.gather(
                    _passes(self._check_database), _passes(redis.ping)
                )
                self._checks.record(database=database, redis=pong)
            return self._checks.readiness()

    async def _check_database(self) -> None:
        if self._checks.migrated:
            # Not checked again: a newer release may migrate while this one still runs.
            await self._ping_database()
        else:
            self._checks.migrated = await self._is_migrated()


async def _passes(check: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await check()
    except Exception as error:  # noqa: BLE001 - any error means that the dependency is not ready
        logger.warning("readiness check failed", extra={"error": repr(error)})
        return False
    return True
