"""HTTP of the dashboard."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.core.security.principals import Member
from app.core.security.roles import Role
from app.core.web.access import require
from app.core.web.http import SessionDep, UnitOfWorkRoute
from app.dashboard import queries, schemas

router = APIRouter(
    prefix="/organizations/{organization_id}/dashboard",
    route_class=UnitOfWorkRoute,
    tags=["dashboard"],
)

Viewer = Annotated[Member, Depends(require(Role.VIEWER))]


@router.get("")
async def get_dashboard(
    member: Viewer,
    session: SessionDep,
    response: Response,
    surface: schemas.Surface = schemas.Surface.WEB,
) -> schemas.Dashboard:
    """Read the data of a client's first screen, in one request."""
    # Cached for 30 s, per credentials: the next user of the browser must not see it.
    response.headers["Cache-Control"] = "private, max-age=30"
    response.headers["Vary"] = "Authorization, Cookie"
    read = (
        queries.get_web_dashboard
        if surface is schemas.Surface.WEB
        else queries.get_mobile_dashboard
    )
    return schemas.Dashboard(
        await read(session, organization_id=member.organization_id, role=member.role)
    )
