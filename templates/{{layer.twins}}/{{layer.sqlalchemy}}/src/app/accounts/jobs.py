"""Mails of accounts, and the purge of expired rows."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.about import NAME
from app.accounts import queries, service
from app.accounts.service import RESET, VERIFICATION, Notice
from app.core import mail
from app.core.jobs.current_job import current_job_id
from app.core.jobs.outbox import enqueue
from app.core.jobs.registry import job
from app.core.security.tokens import sign_row_token
from app.settings import settings

_NOTICES: dict[Notice, str] = {
    "password_changed": "The password of your account was changed. All other sessions have ended.",
    "totp_enabled": "Signing in to your account now needs a code of your authenticator app.",
    "totp_disabled": "Signing in to your account no longer needs a second factor.",
    "recovery_code_used": "A recovery code was used to sign in to your account.",
    "provider_linked": "Your account can now be used by signing in with an identity provider.",
}


def _deliver(to: str, subject: str, *paragraphs: str) -> None:
    message = mail.Message(to=to, subject=subject, text="\n\n".join(paragraphs) + "\n")
    mail.deliver(message, key=str(current_job_id()))


@job("accounts.send_verification")
def send_verification(session: Session, *, email_token_id: UUID) -> None:
    """Mail the link that finishes a sign-up."""
    found = queries.find_open_link(session, email_token_id)
    if found is None:
        return
    link, email = found
    token = sign_row_token(VERIFICATION, link.id)
    _deliver(
        email,
        f"Confirm your e-mail address for {NAME}",
        f"A sign-up for {NAME} used this address"
        + (f" and the name {link.name}." if link.name else "."),
        f"To confirm, open this link within 24 hours:\n"
        f"{settings.app_url}/verify-email?token={token}",
        "If it was not you, do not open it; then nothing happens."
        if link.password_hash
        else "Then set a password with “Forgot password”: this address was used for several "
        "sign-ups, and we cannot tell which one was yours.",
    )


@job("accounts.resend_verification")
def resend_verification(session: Session, *, email: str) -> None:
    """Enqueue a new verification mail, if the address has an unverified account."""
    token_id = service.renew_verification(session, email=email)
    if token_id is not None:
        # Another job: the mail must not leave before the token is committed.
        enqueue(session, "accounts.send_verification", email_token_id=token_id)


@job("accounts.send_already_registered")
def send_already_registered(session: Session, *, user_id: UUID) -> None:
    """Mail the owner of an account that a sign-up used its address."""
    user = queries.get_users(session, [user_id]).get(user_id)
    if user is not None:
        _deliver(
            user.email,
            f"You already have an account at {NAME}",
            f"A sign-up for {NAME} used this address, which has an account already. "
            "Nothing was changed.",
            f"To sign in, or to set a new password, go to:\n{settings.app_url}",
        )


@job("accounts.send_password_reset")
def send_password_reset(session: Session, *, email: str) -> None:
    """Enqueue a reset mail, if the address has a usable account."""
    token_id = service.prepare_password_reset(session, email=email)
    if token_id is not None:
        enqueue(session, "accounts.send_reset_link", email_token_id=token_id)


@job("accounts.send_reset_link")
def send_reset_link(session: Session, *, email_token_id: UUID) -> None:
    """Mail a reset link."""
    found = queries.find_open_link(session, email_token_id)
    if found is None:
        return
    link, email = found
    _deliver(
        email,
        f"Set a new password for {NAME}",
        f"To set a new password, open this link within 30 minutes:\n"
        f"{settings.app_url}/reset-password?token={sign_row_token(RESET, link.id)}",
        "If you did not ask for it, ignore this mail; your password stays.",
    )


@job("accounts.send_notice")
def send_notice(session: Session, *, user_id: UUID, notice: Notice) -> None:
    """Mail a user about a change of the account, so that an attacker's change is noticed."""
    user = queries.get_users(session, [user_id]).get(user_id)
    if user is not None:
        _deliver(
            user.email,
            f"Your account at {NAME}",
            _NOTICES[notice],
            f"If it was not you, set a new password at once:\n{settings.app_url}",
        )


@job("accounts.purge", every=timedelta(hours=1))
def purge(session: Session) -> None:
    """Delete expired links, ended sessions and unverified accounts."""
    service.purge(session)
