"""User sessions: opened by a sign-in, continued with refresh tokens, ended."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries, rules
from app.accounts.models import RefreshToken, User, UserSession
from app.accounts.schemas import Transport
from app.accounts.service.common import now, record
from app.core import context, crypto
from app.core.errors import NotFound
from app.core.ids import uuid7
from app.core.security import access_tokens

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A session for a browser: one secret in an HttpOnly cookie."""

    value: str
    max_age: int = int(rules.SESSION_LIFETIME.total_seconds())


async def open_session(
    session: AsyncSession, user: User, transport: Transport, *, method: str
) -> rules.Tokens | Cookie:
    """Add a user session. The user's row must be locked."""
    current = context.current()
    user_session = UserSession(
        id=uuid7(),
        user_id=user.id,
        expires_at=now() + rules.SESSION_LIFETIME,
        user_agent=current.user_agent,
        ip=current.client_ip,
    )
    cookie = Cookie(crypto.new_secret())
    if transport == "cookie":
        user_session.cookie_hash = crypto.hash_secret(cookie.value)
    session.add(user_session)
    # Before the refresh token: without a relationship, SQLAlchemy does not order the inserts.
    await session.flush()
    details = {"session_id": str(user_session.id), "method": method}
    await record(session, user.id, "session.opened", **details)
    if transport == "cookie":
        return cookie
    return await _issue_tokens(session, user_id=user.id, session_id=user_session.id)


async def _issue_tokens(session: AsyncSession, *, user_id: UUID, session_id: UUID) -> rules.Tokens:
    refresh_token = crypto.new_secret()
    session.add(RefreshToken(session_id=session_id, token_hash=crypto.hash_secret(refresh_token)))
    await session.flush()
    return rules.Tokens(
        access_token=access_tokens.issue(user_id=user_id, session_id=session_id),
        refresh_token=refresh_token,
    )


async def refresh(session: AsyncSession, *, refresh_token: str) -> rules.Tokens:
    """Exchange a refresh token for new tokens (rotation, RFC 9700 section 4.14.2)."""
    token_hash = crypto.hash_secret(refresh_token)
    # One conditional UPDATE: of concurrent requests with the same token, one succeeds.
    session_id = await session.scalar(
        update(RefreshToken)
        .where(RefreshToken.token_hash == token_hash, RefreshToken.used_at.is_(None))
        .values(used_at=now())
        .returning(RefreshToken.session_id)
    )
    if session_id is None:
        await _reject_refresh(session, token_hash)
    live = await queries.find_live_session(session, UserSession.id == session_id)
    if live is None:
        raise rules.invalid_refresh_token()
    await session.execute(
        update(UserSession).where(UserSession.id == live.id).values(last_used_at=now())
    )
    return await _issue_tokens(session, user_id=live.user_id, session_id=live.id)


async def _reject_refresh(session: AsyncSession, token_hash: bytes) -> NoReturn:
    """Raise Unauthenticated; end the session if the token was used before the grace window."""
    reused_session_id = await session.scalar(
        select(RefreshToken.session_id).where(
            RefreshToken.token_hash == token_hash,
            RefreshToken.used_at < now() - rules.REUSE_GRACE,
        )
    )
    if reused_session_id is not None:
        for ended in await end_sessions(session, UserSession.id == reused_session_id):
            await record(session, ended.user_id, "refresh_token.reused", session_id=str(ended.id))
            logger.warning(
                "refresh token reused, session ended", extra={"session_id": str(ended.id)}
            )
        raise rules.RefreshTokenReused
    raise rules.invalid_refresh_token()


async def end_session(session: AsyncSession, *, user_id: UUID, session_id: UUID) -> None:
    """End one of the user's sessions; its access token, refresh token and cookie stop working."""
    ended = await end_sessions(
        session, and_(UserSession.id == session_id, UserSession.user_id == user_id)
    )
    if not ended:
        raise NotFound("session")
    await record(session, user_id, "session.ended", session_id=str(session_id))


async def end_sessions(
    session: AsyncSession, criterion: ColumnElement[bool]
) -> Sequence[Row[UUID, UUID]]:
    """End sessions, and return (id, user_id) of those that had not ended before."""
    result = await session.execute(
        update(UserSession)
        .where(criterion, UserSession.revoked_at.is_(None))
        .values(revoked_at=now())
        .returning(UserSession.id, UserSession.user_id)
    )
    return result.all()
