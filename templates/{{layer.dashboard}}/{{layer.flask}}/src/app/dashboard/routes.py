"""HTTP of the dashboard."""

from apiflask import APIBlueprint
from pydantic import BaseModel

from app.core.security.principals import Member
from app.core.security.roles import Role
from app.core.web.access import require
from app.core.web.http import db
from app.dashboard import queries, schemas

blueprint = APIBlueprint(
    "dashboard",
    __name__,
    url_prefix="/organizations/<uuid:organization_id>/dashboard",
    tag="dashboard",
)


class DashboardQuery(BaseModel):
    surface: schemas.Surface = schemas.Surface.WEB


@blueprint.get("")
@require(Role.VIEWER)
@blueprint.input(DashboardQuery, location="query", arg_name="query")
@blueprint.output(schemas.Dashboard)
def get_dashboard(
    member: Member, query: DashboardQuery
) -> tuple[schemas.Dashboard, dict[str, str]]:
    """Read the data of a client's first screen, in one request."""
    read = (
        queries.get_web_dashboard
        if query.surface is schemas.Surface.WEB
        else queries.get_mobile_dashboard
    )
    dashboard = read(db, organization_id=member.organization_id, role=member.role)
    return schemas.Dashboard(dashboard), {
        # Cached for 30 s, per credentials: the next user of the browser must not see it.
        "Cache-Control": "private, max-age=30",
        "Vary": "Authorization, Cookie",
    }
