"""Mails of organizations."""

from uuid import UUID

from app.about import NAME
from app.core import mail
from app.core.db import tenancy
from app.core.errors import NotFound
from app.core.jobs.current_job import current_job_id
from app.core.jobs.registry import job
from app.core.security.tokens import sign_tenant_row_token
from app.organizations import queries
from app.organizations.service import INVITATION
from app.settings import settings


@job("organizations.send_invitation")
def send_invitation(*, invitation_id: UUID) -> None:
    """Mail an invitation, unless it has been revoked."""
    organization_id = tenancy.organization_id()
    try:
        invitation = queries.get_invitation(
            organization_id=organization_id, invitation_id=invitation_id
        )
    except NotFound:
        return
    organization = queries.get_organization(organization_id)
    token = sign_tenant_row_token(INVITATION, organization_id, invitation_id)
    message = mail.Message(
        to=invitation.email,
        subject=f"You are invited to {organization.name}",
        text=(
            f"You are invited to join {organization.name} on {NAME} as {invitation.role}.\n\n"
            f"Open this link within 7 days, signed in as {invitation.email}:\n"
            f"{settings.app_url}/accept-invitation?token={token}\n"
        ),
    )
    mail.deliver(message, key=str(current_job_id()))
