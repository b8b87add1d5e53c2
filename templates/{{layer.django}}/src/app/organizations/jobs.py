"""Mails of organizations."""

from uuid import UUID

from app.core import mail
from app.core.db import tenancy
from app.core.errors import NotFound
from app.core.jobs.current_job import current_job_id
from app.core.jobs.registry import job
from app.organizations import mails, queries


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
    message = mails.invitation(
        organization_id=organization_id,
        organization_name=organization.name,
        invitation_id=invitation_id,
        email=invitation.email,
        role=invitation.role,
    )
    mail.deliver(message, key=str(current_job_id()))
