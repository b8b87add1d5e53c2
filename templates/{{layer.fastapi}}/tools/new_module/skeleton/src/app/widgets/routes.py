"""HTTP of widgets."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.security.principals import Member
from app.core.security.roles import Role, Scope
from app.core.web.access import Idempotent, require
from app.core.web.http import IfMatch, SessionDep, UnitOfWorkRoute, set_etag
from app.core.web.parameters import Cursor, Limit
from app.widgets import queries, rules, schemas, service

router = APIRouter(
    prefix="/organizations/{organization_id}/widgets",
    route_class=UnitOfWorkRoute,
    tags=["widgets"],
)

Reader = Annotated[Member, Depends(require(Role.VIEWER, scope=Scope.WIDGETS_READ))]
Writer = Annotated[Member, Depends(require(Role.MEMBER, scope=Scope.WIDGETS_WRITE))]


@router.get("")
async def list_widgets(
    member: Reader, session: SessionDep, limit: Limit = 20, cursor: Cursor = None
) -> schemas.WidgetPage:
    """List widgets."""
    items, next_cursor = await queries.list_widgets(
        session, organization_id=member.organization_id, limit=limit, cursor=cursor
    )
    return schemas.WidgetPage(
        items=[schemas.Widget.model_validate(item) for item in items],
        next_cursor=next_cursor,
    )


@router.post("", status_code=201)
async def create_widget(
    body: schemas.WidgetCreate,
    member: Writer,
    session: SessionDep,
    response: Response,
    _: Idempotent,
) -> schemas.Widget:
    """Create a widget."""
    widget = await service.create_widget(
        session, organization_id=member.organization_id, **body.model_dump()
    )
    response.headers["Location"] = rules.widget_url(member.organization_id, widget.id)
    set_etag(response, rules.widget_etag(widget))
    return schemas.Widget.model_validate(widget)


@router.get("/{widget_id}")
async def get_widget(
    widget_id: UUID, member: Reader, session: SessionDep, response: Response
) -> schemas.Widget:
    """Read a widget."""
    widget = await queries.get_widget(
        session, organization_id=member.organization_id, widget_id=widget_id
    )
    set_etag(response, rules.widget_etag(widget))
    return schemas.Widget.model_validate(widget)


@router.patch("/{widget_id}")
async def update_widget(
    widget_id: UUID,
    body: schemas.WidgetUpdate,
    member: Writer,
    session: SessionDep,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.Widget:
    """Change a widget."""
    widget = await service.update_widget(
        session,
        organization_id=member.organization_id,
        widget_id=widget_id,
        if_match=if_match,
        **body.model_dump(exclude_unset=True),
    )
    set_etag(response, rules.widget_etag(widget))
    return schemas.Widget.model_validate(widget)


@router.delete("/{widget_id}", status_code=204)
async def delete_widget(
    widget_id: UUID, member: Writer, session: SessionDep, if_match: IfMatch = None
) -> None:
    """Delete a widget."""
    await service.delete_widget(
        session, organization_id=member.organization_id, widget_id=widget_id, if_match=if_match
    )
