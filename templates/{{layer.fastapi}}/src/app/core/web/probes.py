"""Health endpoints: `/livez` checks nothing, `/readyz` dependencies, `/startupz` migrations."""

from typing import Any

from fastapi import APIRouter, Depends, Response
from sqlalchemy import text

from app.core.db import migrations
from app.core.db.engine import engine
from app.core.db.roles import refuse_privileged_role
from app.core.ops.health import Liveness, Readiness
from app.core.ops.readiness import Probe
from app.core.web.access import public
from app.settings import settings

router = APIRouter(tags=["operations"], dependencies=[Depends(public)])


async def _is_migrated() -> bool:
    if settings.environment == "production":
        # Also checked at the start of web, unless the database was unreachable then.
        await refuse_privileged_role()
    async with engine.connect() as connection:
        return await connection.run_sync(migrations.is_current)


async def _ping_database() -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


probe = Probe(is_migrated=_is_migrated, ping_database=_ping_database)


@router.get("/livez")
async def livez() -> Liveness:
    """Respond as long as the process runs."""
    return Liveness()


_UNREADY: dict[int | str, dict[str, Any]] = {503: {"model": Readiness, "description": "Not ready"}}


@router.get("/readyz", responses=_UNREADY)
async def readyz(response: Response) -> Readiness:
    """Report to load balancers whether this process can serve requests."""
    readiness = await probe.readiness()
    if not readiness.is_ready():
        response.status_code = 503
    return readiness


@router.get("/startupz", responses=_UNREADY)
async def startupz(response: Response) -> Readiness:
    """Report to orchestrators whether the service has started.

    Database reachable and migrated.
    """
    readiness = await probe.readiness()
    if not readiness.is_started():
        response.status_code = 503
    return readiness
