"""Health endpoints: `/livez` checks nothing, `/readyz` dependencies, `/startupz` migrations."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Literal

from apiflask import APIBlueprint
from sqlalchemy import text

from app.core import redis
from app.core.db import migrations
from app.core.db.engine import engine
from app.core.ops.health import CACHE_SECONDS, TIMEOUT_SECONDS, Liveness, Readiness, State, Status
from app.core.web.access import public
from app.settings import settings

logger = logging.getLogger(__name__)
blueprint = APIBlueprint("operations", __name__, tag="operations")


class Probe:
    """Runs the checks, at most once in `CACHE_SECONDS`."""

    def __init__(self) -> None:
        self._lock = Lock()
        # Checks run in these threads, so that one that hangs does not block the response.
        self._threads = ThreadPoolExecutor(4, "probe")
        self._checks: dict[str, State] = {}
        self._checked_at = float("-inf")
        self._migrated = False

    def readiness(self) -> Readiness:
        """Return the results, from the cache if they are recent."""
        with self._lock:
            if time.monotonic() - self._checked_at > CACHE_SECONDS:
                checks = [self._submit(self._database), self._submit(redis.ping)]
                database, redis_state = (_state(check) for check in checks)
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
        if settings.drain_file is not None and settings.drain_file.exists():
            return "draining"
        for state in ("failed", "degraded"):
            if state in self._checks.values():
                return state
        return "ok"

    def _submit(self, check: Callable[[], None]) -> Future[None]:
        return self._threads.submit(check)

    def _database(self) -> None:
        with engine.connect() as connection:
            if self._migrated:
                connection.execute(text("SELECT 1"))
            else:
                # Not checked again: a newer release may migrate while this one still runs.
                self._migrated = migrations.is_current(connection)


def _state(check: Future[None]) -> Literal["ok", "failed"]:
    try:
        check.result(TIMEOUT_SECONDS)
    except Exception as error:  # noqa: BLE001 - any error means that the dependency is not ready
        logger.warning("readiness check failed", extra={"error": repr(error)})
        return "failed"
    return "ok"


probe = Probe()


@blueprint.get("/livez")
@public
@blueprint.output(Liveness)
def livez() -> Liveness:
    """Respond as long as the process runs."""
    return Liveness()


_UNREADY: dict[int | str, Any] = {
    503: {
        "description": "Not ready",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Readiness"}}},
    }
}


@blueprint.get("/readyz")
@public
@blueprint.output(Readiness)
@blueprint.doc(responses=_UNREADY)
def readyz() -> tuple[Readiness, int]:
    """Report to load balancers whether this process can serve requests."""
    readiness = probe.readiness()
    return readiness, 503 if readiness.status in {"failed", "draining"} else 200


@blueprint.get("/startupz")
@public
@blueprint.output(Readiness)
@blueprint.doc(responses=_UNREADY)
def startupz() -> tuple[Readiness, int]:
    """Report to orchestrators whether the service has started: database reachable and migrated."""
    readiness = probe.readiness()
    return readiness, 503 if readiness.checks["migrations"] == "failed" else 200
