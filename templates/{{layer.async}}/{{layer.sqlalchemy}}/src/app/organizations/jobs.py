"""Mails of organizations."""

from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import mail
from app.core.errors import NotFound
from app.core.jobs.current_job import current_job_id
from app.core.jobs.registry import job
from app.organizations import mails, queries


@job("organizations.send_invitation")
async def send_invitation(session: AsyncSession, *, invitation_id: UUID) -> None:
    """Mail an invitation, unless it was revoked."""
    organization_id: UUID = session.info["organization_id"]
    try:
        invitation = await queries.get_invitation(
            session, organization_id=organization_id, invitation_id=invitation_id
        )
    except NotFound:
        return
    organization = await queries.get_organization(session, organization_id)
    message = mails.invitation(
        organization_id=organization_id,
        organization_name=organization.name,
        invitation_id=invitation_id,
        email=invitation.email,
        role=invitation.role,
    )
    await to_thread.run_sync(lambda: mail.deliver(message, key=str(current_job_id())))
