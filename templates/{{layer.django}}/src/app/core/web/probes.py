"""Health endpoints: `/livez` checks nothing, `/readyz` dependencies, `/startupz` migrations."""

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest
from ninja import Router, Status

from app.core.db.connections import returned_to_pool
from app.core.db.roles import refuse_privileged_role
from app.core.ops.health import Liveness, Readiness
from app.core.ops.readiness import Probe
from app.core.web.access import public
from app.settings import settings

router = Router(tags=["operations"])


def _is_migrated() -> bool:
    with returned_to_pool():
        if settings.environment == "production":
            # Also checked at the start of web, unless the database was unreachable then.
            refuse_privileged_role()
        loader = MigrationLoader(connection)
        return set(loader.graph.leaf_nodes()) <= set(loader.applied_migrations)


def _ping_database() -> None:
    with returned_to_pool(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")


probe = Probe(is_migrated=_is_migrated, ping_database=_ping_database)


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
    return Status(200 if readiness.is_ready() else 503, readiness)


@router.get(
    "/startupz",
    auth=public,
    response={200: Readiness, 503: Readiness},
    openapi_extra=_UNREADY,
)
def startupz(request: HttpRequest) -> Status[Readiness]:
    """Report to orchestrators whether the service has started.

    Database reachable and migrated.
    """
    readiness = probe.readiness()
    return Status(200 if readiness.is_started() else 503, readiness)
