"""HTTP of the audit log."""

from typing import Annotated
from uuid import UUID

from ninja import Query, Router
from pydantic import Field

from app.audit import queries, schemas
from app.core.security.roles import Role
from app.core.web.access import MemberRequest, require
from app.core.web.parameters import PageQuery

router = Router(tags=["audit"])


class EventsQuery(PageQuery):
    """Which events to list."""

    action: Annotated[
        str | None,
        Field(
            max_length=100,
            pattern=r"^[a-z_]+\.[a-z_]+$",
            description="One kind of event only, such as `project.created`",
        ),
    ] = None


@router.get(
    "/organizations/{uuid:organization_id}/audit-events",
    auth=require(Role.ADMIN),
    response=schemas.AuditEventPage,
)
def list_audit_events(
    request: MemberRequest, organization_id: UUID, query: Query[EventsQuery]
) -> schemas.AuditEventPage:
    """List the audit log, newest first."""
    items, next_cursor = queries.list_events(
        organization_id=organization_id,
        limit=query.limit,
        cursor=query.cursor,
        action=query.action,
    )
    return schemas.AuditEventPage(
        items=[schemas.AuditEvent.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )
