"""HTTP of widgets."""

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from app.core.security.principals import Member
from app.core.security.roles import Role, Scope
from app.core.web.access import idempotent, require
from app.core.web.http import db, empty_response
from app.core.web.openapi_responses import empty_answer
from app.core.web.parameters import Idempotency, PageQuery, Precondition
from app.widgets import queries, rules, schemas, service

blueprint = APIBlueprint(
    "widgets", __name__, url_prefix="/organizations/<uuid:organization_id>/widgets", tag="widgets"
)

reader = require(Role.VIEWER, scope=Scope.WIDGETS_READ)
writer = require(Role.MEMBER, scope=Scope.WIDGETS_WRITE)


@blueprint.get("")
@reader
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(schemas.WidgetPage)
def list_widgets(member: Member, query: PageQuery) -> schemas.WidgetPage:
    """List widgets."""
    items, next_cursor = queries.list_widgets(
        db, organization_id=member.organization_id, limit=query.limit, cursor=query.cursor
    )
    return schemas.WidgetPage(
        items=[schemas.Widget.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@blueprint.post("")
@writer
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.input(schemas.WidgetCreate, arg_name="body")
@blueprint.output(schemas.Widget, status_code=201)
@idempotent
def create_widget(
    member: Member, body: schemas.WidgetCreate
) -> tuple[schemas.Widget, dict[str, str]]:
    """Create a widget."""
    widget = service.create_widget(db, organization_id=member.organization_id, **body.model_dump())
    return schemas.Widget.model_validate(widget), {
        "Location": rules.widget_url(member.organization_id, widget.id),
        "ETag": rules.widget_etag(widget),
    }


@blueprint.get("/<uuid:widget_id>")
@reader
@blueprint.output(schemas.Widget)
def get_widget(widget_id: UUID, member: Member) -> tuple[schemas.Widget, dict[str, str]]:
    """Read a widget."""
    widget = queries.get_widget(db, organization_id=member.organization_id, widget_id=widget_id)
    return schemas.Widget.model_validate(widget), {"ETag": rules.widget_etag(widget)}


@blueprint.patch("/<uuid:widget_id>")
@writer
@blueprint.input(Precondition, location="headers", arg_name="precondition")
@blueprint.input(schemas.WidgetUpdate, arg_name="body")
@blueprint.output(schemas.Widget)
def update_widget(
    widget_id: UUID, member: Member, precondition: Precondition, body: schemas.WidgetUpdate
) -> tuple[schemas.Widget, dict[str, str]]:
    """Change a widget."""
    widget = service.update_widget(
        db,
        organization_id=member.organization_id,
        widget_id=widget_id,
        if_match=precondition.if_match,
        **body.model_dump(exclude_unset=True),
    )
    return schemas.Widget.model_validate(widget), {"ETag": rules.widget_etag(widget)}


@blueprint.delete("/<uuid:widget_id>")
@writer
@blueprint.input(Precondition, location="headers", arg_name="precondition")
@blueprint.doc(responses=empty_answer())
def delete_widget(widget_id: UUID, member: Member, precondition: Precondition) -> Response:
    """Delete a widget."""
    service.delete_widget(
        db,
        organization_id=member.organization_id,
        widget_id=widget_id,
        if_match=precondition.if_match,
    )
    return empty_response()
