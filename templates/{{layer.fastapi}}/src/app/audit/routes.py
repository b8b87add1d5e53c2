"""HTTP of the audit log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app.audit import queries, schemas
from app.core.security.principals import Member
from app.core.security.roles import Role
from app.core.web.access import require
from app.core.web.http import SessionDep, UnitOfWorkRoute
from app.core.web.parameters import Cursor, Limit

router = APIRouter(
    prefix="/organizations/{organization_id}/audit-events",
    route_class=UnitOfWorkRoute,
    tags=["audit"],
)

Admin = Annotated[Member, Depends(require(Role.ADMIN))]


@router.get("")
async def list_audit_events(
    member: Admin,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    action: Annotated[
        str | None,
        Query(
            max_length=100,
            pattern=r"^[a-z_]+\.[a-z_]+$",
            description="One kind of event only, such as `project.created`",
        ),
    ] = None,
) -> schemas.AuditEventPage:
    """List the audit log, newest first."""
    items, next_cursor = await queries.list_events(
        session,
        organization_id=member.organization_id,
        limit=limit,
        cursor=cursor,
        action=action,
    )
    return schemas.AuditEventPage(
        items=[schemas.AuditEvent.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )
