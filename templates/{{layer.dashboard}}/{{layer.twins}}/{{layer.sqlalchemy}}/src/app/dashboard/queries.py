"""Reads of the dashboard: a fixed number of other modules' queries."""

from uuid import UUID

from sqlalchemy.orm import Session

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


def get_web_dashboard(session: Session, *, organization_id: UUID, role: Role) -> WebDashboard:
    """Return the first screen of the web client; only admins see audit events."""
    organization = organizations.get_organization(session, organization_id)
    newest, _ = projects.list_projects(session, organization_id=organization_id, limit=NEWEST)
    return WebDashboard(
        surface=Surface.WEB,
        organization=DashboardOrganization.model_validate(organization),
        role=role,
        member_count=organizations.count_members(session, organization_id),
        project_counts=dict(projects.count_by_status(session, organization_id)),
        newest_projects=[DashboardProject.model_validate(item) for item in newest],
        newest_audit_events=_newest_events(session, organization_id)
        if role.includes(Role.ADMIN)
        else None,
    )


def get_mobile_dashboard(session: Session, *, organization_id: UUID, role: Role) -> MobileDashboard:
    """Return the first screen of the mobile client."""
    organization = organizations.get_organization(session, organization_id)
    newest, _ = projects.list_projects(session, organization_id=organization_id, limit=NEWEST)
    return MobileDashboard(
        surface=Surface.MOBILE,
        organization=DashboardOrganization.model_validate(organization),
        role=role,
        project_counts=dict(projects.count_by_status(session, organization_id)),
        newest_projects=[DashboardProjectLine.model_validate(item) for item in newest],
    )


def _newest_events(session: Session, organization_id: UUID) -> list[DashboardEvent]:
    events, _ = audit.list_events(session, organization_id=organization_id, limit=NEWEST)
    return [DashboardEvent.model_validate(event) for event in events]
