"""Sign-up and verification of the address, by the user or by an operator."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries, rules
from app.accounts.models import EmailToken, User
from app.accounts.service.common import allow_mail, lock_user, now, record
from app.accounts.service.email_tokens import (
    add_email_token,
    use_email_token,
    void_email_tokens,
)
from app.accounts.service.passwords import check_new_password
from app.core.ids import uuid7
from app.core.jobs.outbox import enqueue
from app.core.security import passwords, tokens
from app.core.threads import run_cpu_bound


async def sign_up(session: AsyncSession, *, email: str, password: str, name: str) -> None:
    """Create an unverified account and mail a link that verifies it.

    An address that has a verified account receives a mail that says so.

    Password and name are stored with the link and take effect when that link is opened: an
    attacker who signs up with a stranger's address does not set the password of the account
    that the owner verifies later (account pre-hijacking).
    """
    await check_new_password(password, pointer="/password", personal=(email, name))
    # Hashed in any case: the response time must not tell whether the address has an account.
    password_hash = await run_cpu_bound(passwords.hash_password, password)
    await session.execute(
        insert(User)
        .values(id=uuid7(), email=email, name=name)
        .on_conflict_do_nothing(index_elements=[User.email])
    )
    user = await queries.find_user(session, email)
    if user is None or not await allow_mail("sign-up-mail", email):
        return
    if user.email_verified_at is not None:
        await enqueue(session, "accounts.send_already_registered", user_id=user.id)
        return
    await _mail_link(session, user.id, password_hash=password_hash, name=name)


async def create_user(
    session: AsyncSession, *, email: str, name: str | None, password: str, verified: bool
) -> UUID:
    """Create an account for an operator; Conflict if the address has one.

    The address counts as verified, or else a link that verifies it is mailed.
    """
    account = rules.check_new_account(email=email, password=password, name=name)
    await check_new_password(
        account.password, pointer="/password", personal=(account.email, account.name)
    )
    password_hash = await run_cpu_bound(passwords.hash_password, account.password)
    user_id: UUID | None = await session.scalar(
        insert(User)
        .values(
            id=uuid7(),
            email=account.email,
            name=account.name,
            password_hash=password_hash if verified else None,
            email_verified_at=now() if verified else None,
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )
    if user_id is None:
        raise rules.address_has_account()
    await record(session, user_id, "user.created")
    if not verified:
        await _mail_link(session, user_id, password_hash=password_hash, name=account.name)
    return user_id


async def _mail_link(
    session: AsyncSession, user_id: UUID, *, password_hash: str, name: str
) -> None:
    token_id = await add_email_token(
        session, user_id, rules.VERIFICATION, password_hash=password_hash, name=name
    )
    await enqueue(session, "accounts.send_verification", email_token_id=token_id)


async def request_verification(session: AsyncSession, *, email: str) -> None:
    """Enqueue another verification mail.

    The job looks the account up: the response time must not tell whether there is one.
    """
    if await allow_mail("verification-mail", email):
        await enqueue(session, "accounts.resend_verification", email=email)


async def renew_verification(session: AsyncSession, *, email: str) -> UUID | None:
    """Add a verification token; None unless the address has an unverified account.

    The token carries the password and name of the sign-up that counts, if there is one.
    """
    user = await queries.find_user(session, email)
    if user is None or user.email_verified_at is not None:
        return None
    agreed = rules.agreed_sign_up(await queries.find_pending_sign_ups(session, user.id))
    return await add_email_token(
        session,
        user.id,
        rules.VERIFICATION,
        password_hash=agreed.password_hash if agreed else None,
        name=agreed.name if agreed else None,
    )


async def verify_email(session: AsyncSession, *, token: str) -> None:
    """Verify the address, and set the password and name stored with the token."""
    user, used = await use_email_token(session, rules.VERIFICATION, token)
    if user.email_verified_at is not None:
        # A concurrent request verified the address with another token and its password.
        raise tokens.invalid_token()
    await _verify(session, user, used)


async def verify_user(session: AsyncSession, *, user_id: UUID) -> None:
    """Verify an address for an operator; Conflict if it is verified.

    Password and name are those of the sign-up that counts. Without one, the user sets the
    password by a reset.
    """
    user = await lock_user(session, user_id)
    if user is None or user.email_verified_at is not None:
        raise rules.account_is_already("verified")
    sign_ups = await queries.find_pending_sign_ups(session, user_id)
    await _verify(session, user, rules.agreed_sign_up(sign_ups))


async def _verify(session: AsyncSession, user: User, link: EmailToken | None) -> None:
    """Verify the address; password and name are those stored with the link."""
    user.email_verified_at = now()
    user.password_hash = link.password_hash if link else None
    user.name = (link.name if link else None) or user.name
    await session.flush()
    await void_email_tokens(session, user.id)
    await record(session, user.id, "email.verified")
