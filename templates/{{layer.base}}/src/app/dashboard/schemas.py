"""The contract of the dashboard: what a first screen shows, and no more.

These shapes belong to the surfaces, not to the resources they are made of: they can change
with a screen, and hold only what it shows.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, RootModel

from app.core.schemas import Schema, Timestamp
from app.core.security.roles import Role


class Surface(StrEnum):
    """Whose first screen it is."""

    WEB = "web"
    MOBILE = "mobile"


class DashboardOrganization(Schema):
    """The organization of the screen."""

    id: UUID
    name: str


class DashboardProject(Schema):
    """A project on the web's screen."""

    id: UUID
    name: str
    description: str
    status: str
    created_at: Timestamp


class DashboardProjectLine(Schema):
    """A project on the phone's screen."""

    id: UUID
    name: str


class DashboardEvent(Schema):
    """An event of the audit log on the web's screen."""

    id: UUID
    action: str
    actor: str = Field(description="The e-mail address or the key's name")
    created_at: Timestamp


ProjectCounts = Annotated[
    dict[str, int], Field(description="By status", examples=[{"active": 3, "archived": 0}])
]


class WebDashboard(Schema):
    """The web's first screen."""

    surface: Literal[Surface.WEB]
    organization: DashboardOrganization
    role: Role = Field(description="The caller's own role")
    member_count: int
    project_counts: ProjectCounts
    newest_projects: list[DashboardProject]
    newest_audit_events: list[DashboardEvent] | None = Field(description="Null unless for admins")


class MobileDashboard(Schema):
    """The phone's first screen."""

    surface: Literal[Surface.MOBILE]
    organization: DashboardOrganization
    role: Role = Field(description="The caller's own role")
    project_counts: ProjectCounts
    newest_projects: list[DashboardProjectLine]


class Dashboard(
    RootModel[Annotated[WebDashboard | MobileDashboard, Field(discriminator="surface")]]
):
    """A first screen, of the surface that was asked for."""
