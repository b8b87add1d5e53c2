"""Mails of accounts, and the purge of expired rows."""

from datetime import timedelta
from uuid import UUID

from app.accounts import mails, queries, service
from app.accounts.service import Notice
from app.core import mail
from app.core.jobs.current_job import current_job_id
from app.core.jobs.outbox import enqueue
from app.core.jobs.registry import job
from app.core.mail_message import Message

_NOTICES = {
    **mails.NOTICES,
    "passkey_added": "A passkey was added to your account.",
    "passkey_removed": "A passkey was removed from your account.",
    "recovery_codes_renewed": "Your account has new recovery codes; the old ones are void.",
}


def _deliver(message: Message) -> None:
    mail.deliver(message, key=str(current_job_id()))


@job("accounts.send_verification")
def send_verification(*, email_token_id: UUID) -> None:
    """Mail the link that finishes a sign-up."""
    link = queries.find_open_link(email_token_id)
    if link is None:
        return
    _deliver(
        mails.verification(
            link.user.email,
            token_id=link.id,
            name=link.name,
            has_password=link.password_hash is not None,
        )
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
        _deliver(mails.already_registered(user.email))


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
    _deliver(mails.password_reset(link.user.email, token_id=link.id))


@job("accounts.send_notice")
def send_notice(*, user_id: UUID, notice: Notice) -> None:
    """Mail a user about a change of the account that an attacker could have made."""
    user = queries.get_users([user_id]).get(user_id)
    if user is not None:
        _deliver(mails.notice(user.email, _NOTICES[notice]))


@job("accounts.purge", every=timedelta(hours=1))
def purge() -> None:
    """Delete expired links and sessions, and sign-ups that were never verified."""
    service.purge()
