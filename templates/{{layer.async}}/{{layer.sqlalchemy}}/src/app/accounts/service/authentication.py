"""Sign-in with a password, and authentication of requests by access token or cookie."""

import logging

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries, rules
from app.accounts.models import UserSession
from app.accounts.schemas import Transport
from app.accounts.service.common import can_sign_in, lock_user, now
from app.accounts.service.second_factor import check_second_factor
from app.accounts.service.sessions import Cookie, open_session
from app.core import context, crypto
from app.core.security import access_tokens, passwords, ratelimit
from app.core.security.client_ip import network
from app.core.security.principals import UserPrincipal
from app.core.threads import run_cpu_bound
from app.settings import settings

logger = logging.getLogger(__name__)


async def sign_in(
    session: AsyncSession,
    *,
    email: str,
    password: str,
    totp_code: str | None,
    recovery_code: str | None,
    transport: Transport,
) -> rules.Tokens | Cookie:
    """Open a session with a password, and a second factor where the account has one.

    Raises MfaRequired when the code of the second factor is missing or wrong.
    """
    await _limit_sign_in(session, email)
    found = await queries.find_user(session, email)
    stored = found.password_hash if found else None
    correct, new_hash = await run_cpu_bound(passwords.verify_password, password, stored)
    # Locked and compared again: a password change ends only the sessions that exist, so none
    # may be opened with the old password while the change is being committed.
    user = await lock_user(session, found.id) if found and correct else None
    if user is None or user.password_hash != stored or not can_sign_in(user):
        logger.info("sign-in refused", extra={"user_id": str(found.id) if found else None})
        raise rules.wrong_credentials()
    if user.totp_confirmed_at is not None:
        await check_second_factor(session, user, totp_code, recovery_code)
    if new_hash is not None:
        user.password_hash = new_hash
    await ratelimit.clear("sign-in", settings.rate_limit_sign_in, rules.attempt_key(email))
    return await open_session(session, user, transport, method="password")


async def _limit_sign_in(session: AsyncSession, email: str) -> None:
    """Count an attempt: per network, per account and network, and per account.

    The limit per account stops guessing from many networks. An attacker with many networks
    could use it to lock the owner out, so it does not apply to networks from which the account
    was used before. All windows are short: no account stays locked after the attempts end.
    """
    rate = settings.rate_limit_sign_in
    wide = ratelimit.times(rate, rules.WIDE_FACTOR)
    address = context.current().client_ip
    await ratelimit.enforce("sign-in-network", wide, network(address))
    await ratelimit.enforce("sign-in", rate, rules.attempt_key(email))
    result = await ratelimit.hit("sign-in-account", wide, email)
    if (
        result is not None
        and not result.allowed
        and not await queries.has_signed_in_from(session, email=email, address=address)
    ):
        raise result.error()


async def authenticate_token(session: AsyncSession, token: str) -> UserPrincipal:
    """Return the user of an access token; Unauthenticated unless its session is live."""
    claims = access_tokens.read(token)
    return await _authenticate(
        session, and_(UserSession.id == claims.session_id, UserSession.user_id == claims.user_id)
    )


async def authenticate_cookie(session: AsyncSession, cookie: str) -> UserPrincipal:
    """Return the user of a session cookie; Unauthenticated unless its session is live."""
    return await _authenticate(session, UserSession.cookie_hash == crypto.hash_secret(cookie))


async def _authenticate(session: AsyncSession, criterion: ColumnElement[bool]) -> UserPrincipal:
    live = await queries.find_live_session(session, criterion)
    if live is None:
        raise rules.session_ended()
    if live.is_stale:
        # Skipped while a concurrent request holds the row: it writes the same value, and this
        # request must not wait for it.
        row = (
            select(UserSession.id)
            .where(UserSession.id == live.id)
            .with_for_update(skip_locked=True)
        )
        await session.execute(
            update(UserSession)
            .where(UserSession.id == row.scalar_subquery())
            .values(last_used_at=now())
            .execution_options(synchronize_session=False)
        )
    return UserPrincipal(id=live.user_id, email=live.email, session_id=live.id)
