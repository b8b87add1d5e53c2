"""HTTP of the dashboard."""

from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router

from app.core.security.roles import Role
from app.core.web.access import MemberRequest, require
from app.dashboard import queries, schemas

router = Router(tags=["dashboard"])


@router.get(
    "/organizations/{uuid:organization_id}/dashboard",
    auth=require(Role.VIEWER),
    response=schemas.Dashboard,
)
def get_dashboard(
    request: MemberRequest,
    response: HttpResponse,
    organization_id: UUID,
    surface: Query[schemas.Surface] = schemas.Surface.WEB,
) -> schemas.Dashboard:
    """Read the data of a client's first screen, in one request."""
    # Cached for 30 s, and not for another user of the same browser (Vary).
    response.headers["Cache-Control"] = "private, max-age=30"
    response.headers["Vary"] = "Authorization, Cookie"
    read = (
        queries.get_web_dashboard
        if surface is schemas.Surface.WEB
        else queries.get_mobile_dashboard
    )
    return schemas.Dashboard(read(organization_id=organization_id, role=request.auth.role))
