"""Health endpoints: `/livez` checks nothing, `/readyz` dependencies, `/startupz` migrations."""

from typing import Any

from apiflask import APIBlueprint
from sqlalchemy import text

from app.core.db import migrations
from app.core.db.engine import engine
from app.core.db.roles import refuse_privileged_role
from app.core.ops.health import Liveness, Readiness
from app.core.ops.readiness import Probe
from app.core.web.access import public
from app.settings import settings

blueprint = APIBlueprint("operations", __name__, tag="operations")


def _is_migrated() -> bool:
    if settings.environment == "production":
        # Also checked at the start of web, unless the database was unreachable then.
        refuse_privileged_role()
    with engine.connect() as connection:
        return migrations.is_current(connection)


def _ping_database() -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


probe = Probe(is_migrated=_is_migrated, ping_database=_ping_database)


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
    return readiness, 200 if readiness.is_ready() else 503


@blueprint.get("/startupz")
@public
@blueprint.output(Readiness)
@blueprint.doc(responses=_UNREADY)
def startupz() -> tuple[Readiness, int]:
    """Report to orchestrators whether the service has started.

    Database reachable and migrated.
    """
    readiness = probe.readiness()
    return readiness, 200 if readiness.is_started() else 503
