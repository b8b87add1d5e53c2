"""Response models of the health endpoints, and how the checks of dependencies decide them."""

import time
from typing import Literal

from app.core.schemas import Schema
from app.settings import settings

TIMEOUT_SECONDS = 1.0
# The checks run at most once in this time, however many load balancers send probes.
CACHE_SECONDS = 1.0

type State = Literal["ok", "degraded", "failed"]
type Status = Literal["ok", "degraded", "failed", "draining"]


class Liveness(Schema):
    """The process responds."""

    status: Literal["ok"] = "ok"


class Readiness(Schema):
    """`degraded` (Redis is unreachable) is 200; `failed` and `draining` are 503."""

    status: Status
    checks: dict[str, State]

    def is_ready(self) -> bool:
        return self.status in {"ok", "degraded"}

    def is_started(self) -> bool:
        return self.checks["migrations"] == "ok"


class Checks:
    """The results of the last checks; `app.core.ops.readiness` runs them."""

    def __init__(self) -> None:
        self.draining = False
        self.migrated = False
        self._states: dict[str, State] = {}
        self._checked_at = float("-inf")

    def are_stale(self) -> bool:
        return time.monotonic() - self._checked_at > CACHE_SECONDS

    def record(self, *, database: bool, redis: bool) -> None:
        """Keep the results for `CACHE_SECONDS`."""
        self._states = {
            "database": "ok" if database else "failed",
            "migrations": "ok" if database and self.migrated else "failed",
            # Not "failed": without Redis, requests work, limits are counted per replica and jobs
            # start later.
            "redis": "ok" if redis else "degraded",
        }
        self._checked_at = time.monotonic()

    def readiness(self) -> Readiness:
        return Readiness(status=self._status(), checks=self._states)

    def _status(self) -> Status:
        if self.draining or (settings.drain_file is not None and settings.drain_file.exists()):
            return "draining"
        for state in ("failed", "degraded"):
            if state in self._states.values():
                return state
        return "ok"
