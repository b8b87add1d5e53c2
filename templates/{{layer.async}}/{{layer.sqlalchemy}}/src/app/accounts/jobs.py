"""Mails of accounts, and the purge of expired rows."""

from datetime import timedelta
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import mails, queries, service
from app.accounts.rules import Notice
from app.core import mail
from app.core.jobs.current_job import current_job_id
from app.core.jobs.outbox import enqueue
from app.core.jobs.registry import job
from app.core.mail_message import Message


async def _deliver(message: Message) -> None:
    await to_thread.run_sync(lambda: mail.deliver(message, key=str(current_job_id())))


@job("accounts.send_verification")
async def send_verification(session: AsyncSession, *, email_token_id: UUID) -> None:
    """Mail the link that finishes a sign-up."""
    found = await queries.find_open_link(session, email_token_id)
    if found is None:
        return
    link, email = found
    has_password = link.password_hash is not None
    await _deliver(
        mails.verification(email, token_id=link.id, name=link.name, has_password=has_password)
    )


@job("accounts.resend_verification")
async def resend_verification(session: AsyncSession, *, email: str) -> None:
    """Enqueue a new verification mail, if the address has an unverified account."""
    token_id = await service.renew_verification(session, email=email)
    if token_id is not None:
        # Another job: the mail must not leave before the token is committed.
        await enqueue(session, "accounts.send_verification", email_token_id=token_id)


@job("accounts.send_already_registered")
async def send_already_registered(session: AsyncSession, *, user_id: UUID) -> None:
    """Mail the owner of an account that a sign-up used its address."""
    user = (await queries.get_users(session, [user_id])).get(user_id)
    if user is not None:
        await _deliver(mails.already_registered(user.email))


@job("accounts.send_password_reset")
async def send_password_reset(session: AsyncSession, *, email: str) -> None:
    """Enqueue a reset mail, if the address has a usable account."""
    token_id = await service.prepare_password_reset(session, email=email)
    if token_id is not None:
        await enqueue(session, "accounts.send_reset_link", email_token_id=token_id)


@job("accounts.send_reset_link")
async def send_reset_link(session: AsyncSession, *, email_token_id: UUID) -> None:
    """Mail a reset link."""
    found = await queries.find_open_link(session, email_token_id)
    if found is None:
        return
    link, email = found
    await _deliver(mails.password_reset(email, token_id=link.id))


@job("accounts.send_notice")
async def send_notice(session: AsyncSession, *, user_id: UUID, notice: Notice) -> None:
    """Mail a user about a change of the account, so that an attacker's change is noticed."""
    user = (await queries.get_users(session, [user_id])).get(user_id)
    if user is not None:
        await _deliver(mails.notice(user.email, mails.NOTICES[notice]))


@job("accounts.purge", every=timedelta(hours=1))
async def purge(session: AsyncSession) -> None:
    """Delete expired links, ended sessions and unverified accounts."""
    await service.purge(session)
