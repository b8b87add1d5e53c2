"""Rules of widgets."""

from uuid import UUID

from app.core.db.changes import Versioned
from app.core.web.preconditions import etag


def widget_etag(widget: Versioned) -> str:
    return etag(widget.version)


def widget_url(organization_id: UUID, id_: UUID) -> str:
    return f"/api/v1/organizations/{organization_id}/widgets/{id_}"
