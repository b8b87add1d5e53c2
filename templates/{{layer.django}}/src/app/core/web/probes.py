"""Health endpoints: `/livez` checks nothing, `/readyz` dependencies, `/startupz` migrations."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Literal

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest
from ninja import Router, Status

from app.core import redis
from app.core.ops.health import CACHE_SECONDS, TIMEOUT_SECONDS, Liveness, Readiness, State
from app.core.ops.health import Status as Condition
from app.core.web.access import public
from app.settings import settings

logger = logging.getLogger(__name__)
router = Router(tags=["operations"])


class Probe:
    """Runs the checks of dependencies, at most once in `CACHE_SECONDS`."""

    def __init__(self) -> None:
        self._lock = Lock()
        # In threads: a check that hangs must not block the response.
        self._threads = ThreadPoolExecutor(4, "probe")
        self._checks: dict[str, State] = {}
        self._checked_at = float("-inf")
        self._migrated = False

    def readiness(self) -> Readiness:
        with self._lock:
            if time.monotonic() - self._checked_at > CACHE_SECONDS:
                begun = [self._begin(self._database), self._begin(redis.ping)]
                database, redis_state = (_end(check) for check in begun)
                self._checks = {
                    "database": database,
                    "migrations": "ok" if database == "ok" and self._migrated else "failed",
                    # Without Redis, requests succeed; rate limits are per process, jobs are late.
                    "redis": "ok" if redis_state == "ok" else "degraded",
                }
                self._checked_at = time.monotonic()
        return Readiness(status=self._status(), checks=self._checks)

    def _status(self) -> Condition:
        if settings.drain_file is not None and settings.drain_file.exists():
            return "draining"
        for state in ("failed", "degraded"):
            if state in self._checks.values():
                return state
        return "ok"

    def _begin(self, check: Callable[[], None]) -> Future[None]:
        return self._threads.submit(check)

    def _database(self) -> None:
        try:
            if not self._migrated:
                # Not checked again: a newer release may migrate while this one runs.
                self._migrated = _is_migrated()
            else:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
        finally:
            connection.close()  # returned to the pool: Django does so only after requests


def _is_migrated() -> bool:
    loader = MigrationLoader(connection)
    return set(loader.graph.leaf_nodes()) <= set(loader.applied_migrations)


def _end(check: Future[None]) -> Literal["ok", "failed"]:
    try:
        check.result(TIMEOUT_SECONDS)
    except Exception as error:  # noqa: BLE001 - any error means that the dependency is not ready
        logger.warning("readiness check failed", extra={"error": repr(error)})
        return "failed"
    return "ok"


probe = Probe()


@router.get("/livez", auth=public, response=Liveness)
def livez(request: HttpRequest) -> Liveness:
    """Respond as long as the process runs."""
    return Liveness()


_UNREADY = {"responses": {503: {"description": "Not ready"}}}


@router.get(
    "/readyz",
    auth=public,
    response={200: Readiness, 503: Readiness},
    openapi_extra=_UNREADY,
)
def readyz(request: HttpRequest) -> Status[Readiness]:
    """Report to load balancers whether this process can serve requests."""
    readiness = probe.readiness()
    return Status(503 if readiness.status in {"failed", "draining"} else 200, readiness)


@router.get(
    "/startupz",
    auth=public,
    response={200: Readiness, 503: Readiness},
    openapi_extra=_UNREADY,
)
def startupz(request: HttpRequest) -> Status[Readiness]:
    """Report to orchestrators whether the service has started: database reachable and migrated."""
    readiness = probe.readiness()
    return Status(503 if readiness.checks["migrations"] == "failed" else 200, readiness)
