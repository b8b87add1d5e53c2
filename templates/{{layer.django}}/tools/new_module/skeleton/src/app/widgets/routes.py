"""HTTP of widgets."""

from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router

from app.core.security.roles import Role, Scope
from app.core.web.access import MemberRequest, idempotent, require
from app.core.web.parameters import IdempotencyKey, IfMatch, PageQuery
from app.widgets import queries, rules, schemas, service

router = Router(tags=["widgets"])

WIDGETS = "/organizations/{uuid:organization_id}/widgets"
WIDGET = f"{WIDGETS}/{{uuid:widget_id}}"

reader = require(Role.VIEWER, scope=Scope.WIDGETS_READ)
writer = require(Role.MEMBER, scope=Scope.WIDGETS_WRITE)


@router.get(WIDGETS, auth=reader, response=schemas.WidgetPage)
def list_widgets(
    request: MemberRequest, organization_id: UUID, query: Query[PageQuery]
) -> schemas.WidgetPage:
    """List widgets."""
    items, next_cursor = queries.list_widgets(
        organization_id=organization_id, limit=query.limit, cursor=query.cursor
    )
    return schemas.WidgetPage(
        items=[schemas.Widget.model_validate(item) for item in items], next_cursor=next_cursor
    )


@router.post(WIDGETS, auth=writer, response={201: schemas.Widget})
@idempotent
def create_widget(
    request: MemberRequest,
    response: HttpResponse,
    organization_id: UUID,
    body: schemas.WidgetCreate,
    idempotency_key: IdempotencyKey = None,
) -> schemas.Widget:
    """Create a widget."""
    widget = service.create_widget(organization_id=organization_id, **body.model_dump())
    response.headers["Location"] = rules.widget_url(organization_id, widget.id)
    response.headers["ETag"] = rules.widget_etag(widget)
    return schemas.Widget.model_validate(widget)


@router.get(WIDGET, auth=reader, response=schemas.Widget)
def get_widget(
    request: MemberRequest, response: HttpResponse, organization_id: UUID, widget_id: UUID
) -> schemas.Widget:
    """Read a widget."""
    widget = queries.get_widget(organization_id=organization_id, widget_id=widget_id)
    response.headers["ETag"] = rules.widget_etag(widget)
    return schemas.Widget.model_validate(widget)


@router.patch(WIDGET, auth=writer, response=schemas.Widget)
def update_widget(
    request: MemberRequest,
    response: HttpResponse,
    organization_id: UUID,
    widget_id: UUID,
    body: schemas.WidgetUpdate,
    if_match: IfMatch = None,
) -> schemas.Widget:
    """Change a widget."""
    widget = service.update_widget(
        organization_id=organization_id,
        widget_id=widget_id,
        if_match=if_match,
        **body.model_dump(exclude_unset=True),
    )
    response.headers["ETag"] = rules.widget_etag(widget)
    return schemas.Widget.model_validate(widget)


@router.delete(WIDGET, auth=writer, response={204: None})
def delete_widget(
    request: MemberRequest, organization_id: UUID, widget_id: UUID, if_match: IfMatch = None
) -> None:
    """Delete a widget."""
    service.delete_widget(organization_id=organization_id, widget_id=widget_id, if_match=if_match)
