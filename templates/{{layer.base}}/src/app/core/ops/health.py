"""Response models and time-outs of the health endpoints."""

from typing import Literal

from app.core.schemas import Schema

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
