"""What probes answer, and how patient they are."""

from typing import Literal

from app.core.schemas import Schema

TIMEOUT_SECONDS = 1.0
# Probes of many load balancers together must not become a load of their own.
CACHE_SECONDS = 1.0

type State = Literal["ok", "degraded", "failed"]
type Status = Literal["ok", "degraded", "failed", "draining"]


class Liveness(Schema):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Schema):
    """`degraded` (no Redis) stays in rotation; `failed` and `draining` do not."""

    status: Status
    checks: dict[str, State]
