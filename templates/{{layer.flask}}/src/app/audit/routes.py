"""HTTP of the audit log."""

from typing import Annotated

from apiflask import APIBlueprint
from pydantic import Field

from app.audit import queries, schemas
from app.core.security.principals import Member
from app.core.security.roles import Role
from app.core.web.access import require
from app.core.web.http import db
from app.core.web.parameters import PageQuery

blueprint = APIBlueprint(
    "audit",
    __name__,
    url_prefix="/organizations/<uuid:organization_id>/audit-events",
    tag="audit",
)


class EventsQuery(PageQuery):
    action: Annotated[
        str | None,
        Field(
            max_length=100,
            pattern=r"^[a-z_]+\.[a-z_]+$",
            description="One kind of event only, such as `project.created`",
        ),
    ] = None


@blueprint.get("")
@require(Role.ADMIN)
@blueprint.input(EventsQuery, location="query", arg_name="query")
@blueprint.output(schemas.AuditEventPage)
def list_audit_events(member: Member, query: EventsQuery) -> schemas.AuditEventPage:
    """List the audit log, newest first."""
    items, next_cursor = queries.list_events(
        db,
        organization_id=member.organization_id,
        limit=query.limit,
        cursor=query.cursor,
        action=query.action,
    )
    return schemas.AuditEventPage(
        items=[schemas.AuditEvent.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )
