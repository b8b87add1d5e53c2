"""Runs the checks of dependencies for the health endpoints."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from app.core import redis
from app.core.ops.health import TIMEOUT_SECONDS, Checks, Readiness

logger = logging.getLogger(__name__)


class Probe:
    """Runs the checks unless there are recent results.

    `is_migrated` connects to the database, and returns whether it has this release's migrations;
    `ping_database` only connects.
    """

    def __init__(
        self, *, is_migrated: Callable[[], bool], ping_database: Callable[[], None]
    ) -> None:
        self._is_migrated = is_migrated
        self._ping_database = ping_database
        self._checks = Checks()
        self._lock = Lock()
        # Checks run in these threads, so that one that hangs does not block the response.
        self._threads = ThreadPoolExecutor(4, "probe")

    def readiness(self) -> Readiness:
        with self._lock:
            if self._checks.are_stale():
                database = self._threads.submit(self._check_database)
                pong = self._threads.submit(redis.ping)
                self._checks.record(database=_has_passed(database), redis=_has_passed(pong))
            return self._checks.readiness()

    def _check_database(self) -> None:
        if self._checks.migrated:
            # Not checked again: a newer release may migrate while this one still runs.
            self._ping_database()
        else:
            self._checks.migrated = self._is_migrated()


def _has_passed(check: Future[None]) -> bool:
    try:
        check.result(TIMEOUT_SECONDS)
    except Exception as error:  # noqa: BLE001 - any error means that the dependency is not ready
        logger.warning("readiness check failed", extra={"error": repr(error)})
        return False
    return True
