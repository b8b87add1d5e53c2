"""Health endpoints: `/livez` checks nothing, `/readyz` dependencies, `/startupz` migrations."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import APIRouter, Depends, Response
from sqlalchemy import text

from app.core import redis
from app.core.db import migrations
from app.core.db.engine import engine
from app.core.ops.health import CACHE_SECONDS, TIMEOUT_SECONDS, Liveness, Readiness, State, Status
from app.core.web.access import public
from app.settings import settings

logger = logging.getLogger(__name__)
router = APIRouter(tags=["operations"], dependencies=[Depends(public)])


class Probe:
    """Runs the checks, at most once in `CACHE_SECONDS`."""

    def __init__(self) -> None:
        self.draining = False
        self._lock = asyncio.Lock()
        self._checks: dict[str, State] = {}
        self._checked_at = float("-inf")
        self._migrated = False

    async def readiness(self) -> Readiness:
        """Return the results, from the cache if they are recent."""
        async with self._lock:
            if time.monotonic() - self._checked_at > CACHE_SECONDS:
                database, redis_state = await asyncio.gather(
                    _check(self._database), _check(redis.ping)
                )
                self._checks = {
                    "database": database,
                    "migrations": "ok" if database == "ok" and self._migrated else "failed",
                    # Not "failed": without Redis, requests work, limits are counted per replica and
                    # jobs start later.
                    "redis": "ok" if redis_state == "ok" else "degraded",
                }
                self._checked_at = time.monotonic()
        return Readiness(status=self._status(), checks=self._checks)

    def _status(self) -> Status:
        if self.draining or (settings.drain_file is not None and settings.drain_file.exists()):
            return "draining"
        for state in ("failed", "degraded"):
            if state in self._checks.values():
                return state
        return "ok"

    async def _database(self) -> None:
        async with engine.connect() as connection:
            if self._migrated:
                await connection.execute(text("SELECT 1"))
            else:
                # Not checked again: a newer release may migrate while this one still runs.
                self._migrated = await connection.run_sync(migrations.is_current)


async def _check(check: Callable[[], Awaitable[None]]) -> Literal["ok", "failed"]:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await check()
    except Exception as error:  # noqa: BLE001 - any error means that the dependency is not ready
        logger.warning("readiness check failed", extra={"error": repr(error)})
        return "failed"
    return "ok"


probe = Probe()


@router.get("/livez")
async def livez() -> Liveness:
    """Respond as long as the process runs."""
    return Liveness()


_UNREADY: dict[int | str, dict[str, Any]] = {503: {"model": Readiness, "description": "Not ready"}}


@router.get("/readyz", responses=_UNREADY)
async def readyz(response: Response) -> Readiness:
    """Report to load balancers whether this process can serve requests."""
    readiness = await probe.readiness()
    if readiness.status in {"failed", "draining"}:
        response.status_code = 503
    return readiness


@router.get("/startupz", responses=_UNREADY)
async def startupz(response: Response) -> Readiness:
    """Report to orchestrators whether the service has started: database reachable and migrated."""
    readiness = await probe.readiness()
    if readiness.checks["migrations"] == "failed":
        response.status_code = 503
    return readiness
