"""Mails of accounts, and the purge of expired rows."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import mails, queries, service
from app.accounts.rules import Notice
from app.core import mail
from app.core.jobs.current_job import current_job_id
from app.core.jobs.outbox import enqueue
from app.core.jobs.registry import job
from app.core.mail_message import Message


def _deliver(message: Message) -> None:
    mail.deliver(message, key=str(current_job_id()))


@job("accounts.send_verification")
def send_verification(session: Session, *, email_token_id: UUID) -> None:
    """Mail the link that finishes a sign-up."""
    found = queries.find_open_link(session, email_token_id)
    if found is None:
        return
    link, email = found
    has_password = link.password_hash is not None
    _deliver(mails.verification(email, token_id=link.id, name=link.name, has_password=has_password))


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
        _deliver(mails.already_registered(user.email))


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
    _deliver(mails.password_reset(email, token_id=link.id))


@job("accounts.send_notice")
def send_notice(session: Session, *, user_id: UUID, notice: Notice) -> None:
    """Mail a user about a change of the account, so that an attacker's change is noticed."""
    user = queries.get_users(session, [user_id]).get(user_id)
    if user is not None:
        _deliver(mails.notice(user.email, mails.NOTICES[notice]))


@job("accounts.purge", every=timedelta(hours=1))
def purge(session: Session) -> None:
    """Delete expired links, ended sessions and unverified accounts."""
    service.purge(session)
