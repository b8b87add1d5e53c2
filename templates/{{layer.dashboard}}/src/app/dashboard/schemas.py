"""Response bodies of the dashboard, one for each client (backend for frontend).

They contain the fields that the start screen of a client shows, and can change with that screen
without a change of the resources.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, RootModel

from app.core.context import Actor
from app.core.schemas import Schema, Timestamp
from app.core.security.roles import Role

# Projects and audit events in a dashboard.
NEWEST = 5


class Surface(StrEnum):
    """The client that the dashboard is for."""

    WEB = "web"
    MOBILE = "mobile"


class DashboardOrganization(Schema):
    """The organization of a dashboard."""

    id: UUID
    name: str


class DashboardProject(Schema):
    """A project in the web dashboard."""

    id: UUID
    name: str
    description: str
    status: str
    created_at: Timestamp


class DashboardProjectLine(Schema):
    """A project in the mobile dashboard."""

    id: UUID
    name: str


def _label(actor: object) -> object:
    return actor.label if isinstance(actor, Actor) else actor


class DashboardEvent(Schema):
    """An audit event in the web dashboard."""

    id: UUID
    action: str
    actor: Annotated[str, BeforeValidator(_label)] = Field(
        description="E-mail address of the user, or name of the API key"
    )
    created_at: Timestamp


ProjectCounts = Annotated[
    dict[str, int], Field(description="Count by status", examples=[{"active": 3, "archived": 0}])
]


class WebDashboard(Schema):
    """The dashboard of the web client."""

    surface: Literal[Surface.WEB]
    organization: DashboardOrganization
    role: Role = Field(description="Role of the caller")
    member_count: int
    project_counts: ProjectCounts
    newest_projects: list[DashboardProject]
    newest_audit_events: list[DashboardEvent] | None = Field(description="Null for non-admins")


class MobileDashboard(Schema):
    """The dashboard of the mobile client."""

    surface: Literal[Surface.MOBILE]
    organization: DashboardOrganization
    role: Role = Field(description="Role of the caller")
    project_counts: ProjectCounts
    newest_projects: list[DashboardProjectLine]


class Dashboard(
    RootModel[Annotated[WebDashboard | MobileDashboard, Field(discriminator="surface")]]
):
    """The dashboard of the requested client."""
