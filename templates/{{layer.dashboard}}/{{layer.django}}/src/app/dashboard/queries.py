"""Reads of the dashboard: a fixed number of other modules' queries."""

from uuid import UUID

from app.audit import queries as audit
from app.core.security.roles import Role
from app.dashboard.schemas import (
    NEWEST,
    DashboardEvent,
    DashboardOrganization,
    DashboardProject,
    DashboardProjectLine,
    MobileDashboard,
    Surface,
    WebDashboard,
)
from app.organizations import queries as organizations
from app.projects import queries as projects


def get_web_dashboard(*, organization_id: UUID, role: Role) -> WebDashboard:
    """Read the start page of the web application; `role` is the caller's."""
    organization = organizations.get_organization(organization_id)
    newest, _ = projects.list_projects(organization_id=organization_id, limit=NEWEST)
    return WebDashboard(
        surface=Surface.WEB,
        organization=DashboardOrganization.model_validate(organization),
        role=role,
        member_count=organizations.count_members(organization_id),
        project_counts=dict(projects.count_by_status(organization_id)),
        newest_projects=[DashboardProject.model_validate(item) for item in newest],
        newest_audit_events=_newest_events(organization_id) if role.includes(Role.ADMIN) else None,
    )


def get_mobile_dashboard(*, organization_id: UUID, role: Role) -> MobileDashboard:
    """Read the start page of the mobile application; `role` is the caller's."""
    organization = organizations.get_organization(organization_id)
    newest, _ = projects.list_projects(organization_id=organization_id, limit=NEWEST)
    return MobileDashboard(
        surface=Surface.MOBILE,
        organization=DashboardOrganization.model_validate(organization),
        role=role,
        project_counts=dict(projects.count_by_status(organization_id)),
        newest_projects=[DashboardProjectLine.model_validate(item) for item in newest],
    )


def _newest_events(organization_id: UUID) -> list[DashboardEvent]:
    events, _ = audit.list_events(organization_id=organization_id, limit=NEWEST)
    return [DashboardEvent.model_validate(event) for event in events]
