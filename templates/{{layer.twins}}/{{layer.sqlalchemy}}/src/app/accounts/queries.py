"""Reads of accounts and sessions."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from app.accounts.models import EmailToken, User, UserSession
from app.accounts.rules import LAST_USED_PRECISION, VERIFICATION, Person
from app.accounts.schemas import Me
from app.core.db.rows import get_or_404, page
from app.core.security.client_ip import network

_now = func.clock_timestamp


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that is neither revoked nor expired, of a user who is not disabled."""

    id: UUID
    user_id: UUID
    email: str
    is_stale: bool


def get_users(session: Session, user_ids: Collection[UUID]) -> dict[UUID, Person]:
    """Load users by their ids, in one query."""
    rows = session.execute(select(User.id, User.email, User.name).where(User.id.in_(user_ids)))
    return {row.id: Person(row.id, row.email, row.name) for row in rows}


def find_user_id(session: Session, email: str) -> UUID | None:
    """Return the id of an address's user, verified or not."""
    return session.scalar(select(User.id).where(User.email == email))


def find_user(session: Session, email: str) -> User | None:
    """Return the user of an address, verified or not."""
    return session.scalar(select(User).where(User.email == email))


def get_user(session: Session, user_id: UUID) -> User:
    """Return a user, or raise NotFound."""
    return get_or_404(session, select(User).where(User.id == user_id), "user")


def view_me(user: User) -> Me:
    return Me(
        id=user.id,
        email=user.email,
        name=user.name,
        has_password=user.password_hash is not None,
        totp_enabled=user.totp_confirmed_at is not None,
        created_at=user.created_at,
    )


def is_live() -> ColumnElement[bool]:
    """Condition for sessions joined with users: not ended, not expired, user not disabled."""
    return and_(
        UserSession.revoked_at.is_(None),
        UserSession.expires_at > _now(),
        User.disabled_at.is_(None),
    )


def find_live_session(session: Session, criterion: ColumnElement[bool]) -> LiveSession | None:
    """Return the session that matches `criterion`, if it is live."""
    row = session.execute(
        select(
            UserSession.id,
            UserSession.user_id,
            User.email,
            (UserSession.last_used_at < _now() - LAST_USED_PRECISION).label("is_stale"),
        )
        .join(User, User.id == UserSession.user_id)
        .where(criterion, is_live())
    ).one_or_none()
    return None if row is None else LiveSession(row.id, row.user_id, row.email, row.is_stale)


def list_sessions(
    session: Session, *, user_id: UUID, limit: int, cursor: str | None = None
) -> tuple[list[UserSession], str | None]:
    """Return a page of the user's live sessions, newest first, and the next cursor."""
    return page(
        session,
        select(UserSession)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.user_id == user_id, is_live()),
        UserSession.created_at,
        UserSession.id,
        limit=limit,
        cursor=cursor,
        bound_to={"list": "sessions", "user_id": user_id},
        descending=True,
    )


def has_signed_in_from(session: Session, *, email: str, address: str | None) -> bool:
    """Return whether a stored session of the account was opened from the network of `address`."""
    known = session.scalars(
        select(UserSession.ip)
        .join(User, User.id == UserSession.user_id)
        .where(User.email == email, UserSession.ip.is_not(None))
        .distinct()
    )
    return address is not None and network(address) in {network(ip) for ip in known}


def find_open_link(session: Session, email_token_id: UUID) -> tuple[EmailToken, str] | None:
    """Return an unused, unexpired token and the address to mail it to."""
    row = session.execute(
        select(EmailToken, User.email)
        .join(User, User.id == EmailToken.user_id)
        .where(
            EmailToken.id == email_token_id,
            EmailToken.used_at.is_(None),
            EmailToken.expires_at > _now(),
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def find_pending_sign_ups(session: Session, user_id: UUID) -> list[EmailToken]:
    """Return the unused verification tokens that carry a password."""
    return list(
        session.scalars(
            select(EmailToken).where(
                EmailToken.user_id == user_id,
                EmailToken.purpose == VERIFICATION,
                EmailToken.password_hash.is_not(None),
                EmailToken.used_at.is_(None),
            )
        )
    )
