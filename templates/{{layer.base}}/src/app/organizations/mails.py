"""Texts of the mails of organizations."""

from uuid import UUID

from app.about import NAME
from app.core.mail_message import Link, Message
from app.core.security.tokens import sign_tenant_row_token
from app.organizations.rules import INVITATION, INVITATION_LIFETIME
from app.settings import settings


def invitation(
    *, organization_id: UUID, organization_name: str, invitation_id: UUID, email: str, role: str
) -> Message:
    token = sign_tenant_row_token(INVITATION, organization_id, invitation_id)
    return Message(
        to=email,
        subject=f"You are invited to {organization_name}",
        body=(
            f"You are invited to join {organization_name} on {NAME} as {role}.",
            f"Sign in as {email}, then open this link within {INVITATION_LIFETIME.days} days.",
            Link("Accept the invitation", f"{settings.app_url}/accept-invitation?token={token}"),
        ),
    )
