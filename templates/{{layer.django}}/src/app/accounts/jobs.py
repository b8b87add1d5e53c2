"""Mails of accounts, and the purge of expired rows."""

from datetime import timedelta
from uuid import UUID

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
    "passkey_added": "A passkey was added to your account.",
    "passkey_removed": "A passkey was removed from your account.",
    "recovery_codes_renewed": "Your account has new recovery codes; the old ones are void.",
    "recovery_code_used": "A recovery code was used to sign in to your account.",
    "provider_linked": "Your account can now be used by signing in with an identity provider.",
}


def _deliver(to: str, subject: str, *paragraphs: str) -> None:
    message = mail.Message(to=to, subject=subject, text="\n\n".join(paragraphs) + "\n")
    mail.deliver(message, key=str(current_job_id()))


@job("accounts.send_verification")
def send_verification(*, email_token_id: UUID) -> None:
    """Mail the link that finishes a sign-up."""
    link = queries.find_open_link(email_token_id)
    if link is None:
        return
    token = sign_row_token(VERIFICATION, link.id)
    _deliver(
        link.user.email,
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
def resend_verification(*, email: str) -> None:
    """Mail a new link to an address that is not verified yet."""
    token_id = service.renew_verification(email=email)
    if token_id is not None:
        # In another job: the mail must not leave before its link is committed.
        enqueue("accounts.send_verification", email_token_id=token_id)


@job("accounts.send_already_registered")
def send_already_registered(*, user_id: UUID) -> None:
    """Mail the owner of an account that its address was used for a sign-up."""
    user = queries.get_users([user_id]).get(user_id)
    if user is not None:
        _deliver(
            user.email,
            f"You already have an account at {NAME}",
            f"A sign-up for {NAME} used this address, which has an account already. "
            "Nothing was changed.",
            f"To sign in, or to set a new password, go to:\n{settings.app_url}",
        )


@job("accounts.send_password_reset")
def send_password_reset(*, email: str) -> None:
    """Add a reset link, if the address has an account."""
    token_id = service.prepare_password_reset(email=email)
    if token_id is not None:
        enqueue("accounts.send_reset_link", email_token_id=token_id)


@job("accounts.send_reset_link")
def send_reset_link(*, email_token_id: UUID) -> None:
    """Mail a reset link."""
    link = queries.find_open_link(email_token_id)
    if link is None:
        return
    _deliver(
        link.user.email,
        f"Set a new password for {NAME}",
        f"To set a new password, open this link within 30 minutes:\n"
        f"{settings.app_url}/reset-password?token={sign_row_token(RESET, link.id)}",
        "If you did not ask for it, ignore this mail; your password stays.",
    )


@job("accounts.send_notice")
def send_notice(*, user_id: UUID, notice: Notice) -> None:
    """Mail a user about a change of the account that an attacker could have made."""
    user = queries.get_users([user_id]).get(user_id)
    if user is not None:
        _deliver(
            user.email,
            f"Your account at {NAME}",
            _NOTICES[notice],
            f"If it was not you, set a new password at once:\n{settings.app_url}",
        )


@job("accounts.purge", every=timedelta(hours=1))
def purge() -> None:
    """Delete expired links and sessions, and sign-ups that were never verified."""
    service.purge()
