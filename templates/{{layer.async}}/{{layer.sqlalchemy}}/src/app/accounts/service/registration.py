"""Sign-up and verification of the address."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries, rules
from app.accounts.models import User
from app.accounts.service.common import allow_mail, now, record
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
    token_id = await add_email_token(
        session, user.id, rules.VERIFICATION, password_hash=password_hash, name=name
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
    user.email_verified_at = now()
    user.password_hash = used.password_hash
    user.name = used.name or user.name
    await session.flush()
    await void_email_tokens(session, user.id)
    await record(session, user.id, "email.verified")
