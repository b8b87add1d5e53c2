"""Change, reset and confirmation of the password."""

from uuid import UUID

from sqlalchemy import and_
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries, rules
from app.accounts.models import User, UserSession
from app.accounts.service.common import allow_mail, can_sign_in, lock_user, notify, record
from app.accounts.service.email_tokens import (
    add_email_token,
    use_email_token,
    void_email_tokens,
)
from app.accounts.service.sessions import end_sessions
from app.core.jobs.outbox import enqueue
from app.core.security import passwords, ratelimit
from app.core.security.principals import UserPrincipal
from app.core.threads import run_cpu_bound
from app.settings import settings


async def request_password_reset(session: AsyncSession, *, email: str) -> None:
    """Enqueue a reset mail.

    The job looks the account up: the response time must not tell whether there is one.
    """
    if await allow_mail("reset-mail", email):
        await enqueue(session, "accounts.send_password_reset", email=email)


async def prepare_password_reset(session: AsyncSession, *, email: str) -> UUID | None:
    """Add a reset token; None unless the address has a usable account."""
    user = await queries.find_user(session, email)
    if user is None or not can_sign_in(user):
        return None
    return await add_email_token(session, user.id, rules.RESET)


async def reset_password(session: AsyncSession, *, token: str, password: str) -> None:
    """Set a password with the token from the mail; ends all sessions and opens none."""
    user, _ = await use_email_token(session, rules.RESET, token)
    await _set_password(session, user, password, pointer="/password")
    await end_sessions(session, UserSession.user_id == user.id)


async def change_password(
    session: AsyncSession, *, user: UserPrincipal, current_password: str, new_password: str
) -> None:
    """Replace the password; ends all sessions except that of the request."""
    account = await confirm_password(
        session, user.id, current_password, pointer="/current_password"
    )
    await _set_password(session, account, new_password, pointer="/new_password")
    await end_sessions(
        session, and_(UserSession.user_id == user.id, UserSession.id != user.session_id)
    )


async def _set_password(session: AsyncSession, user: User, password: str, *, pointer: str) -> None:
    await check_new_password(password, pointer=pointer, personal=(user.email, user.name))
    user.password_hash = await run_cpu_bound(passwords.hash_password, password)
    await session.flush()
    await void_email_tokens(session, user.id)
    await record(session, user.id, "password.changed")
    await notify(session, user.id, "password_changed")


async def check_new_password(password: str, *, pointer: str, personal: tuple[str, ...]) -> None:
    """Raise Invalid for a password that is easy to guess, given the `personal` texts."""
    await run_cpu_bound(passwords.check_password, password, pointer=pointer, personal=personal)


async def confirm_password(
    session: AsyncSession, user_id: UUID, password: str, *, pointer: str
) -> User:
    """Verify the password of a signed-in user again, and return the user under a row lock.

    Raises Invalid when it is wrong.
    """
    await ratelimit.enforce("password", settings.rate_limit_sign_in, str(user_id))
    user = await lock_user(session, user_id)
    stored = user.password_hash if user else None
    correct, _ = await run_cpu_bound(passwords.verify_password, password, stored)
    if user is None or not correct:
        raise rules.wrong_password(pointer)
    return user
