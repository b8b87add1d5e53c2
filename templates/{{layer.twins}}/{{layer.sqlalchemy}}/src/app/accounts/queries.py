"""Reads of accounts and sessions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, tuple_
from sqlalchemy.orm import Session

from app.accounts.models import EmailToken, User, UserSession
from app.accounts.schemas import Me
from app.core.db.pagination import read_cursor, sign_cursor
from app.core.errors import NotFound
from app.core.security.client_ip import network
from app.core.web.preconditions import content_etag

# Precision of `last_used_at`: not every request costs a write.
TOUCH_INTERVAL = timedelta(minutes=1)

_now = func.clock_timestamp


@dataclass(frozen=True, slots=True)
class Person:
    """The fields of a user that other modules may see."""

    id: UUID
    email: str
    name: str


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
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("user")
    return user


def view_me(user: User) -> Me:
    return Me(
        id=user.id,
        email=user.email,
        name=user.name,
        has_password=user.password_hash is not None,
        totp_enabled=user.totp_confirmed_at is not None,
        created_at=user.created_at,
    )


def me_etag(me: Me) -> str:
    """Return the ETag: of the visible fields, since sign-ins change other columns of the row."""
    return content_etag(me.model_dump_json().encode())


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
            (UserSession.last_used_at < _now() - TOUCH_INTERVAL).label("is_stale"),
        )
        .join(User, User.id == UserSession.user_id)
        .where(criterion, is_live())
    ).one_or_none()
    return None if row is None else LiveSession(row.id, row.user_id, row.email, row.is_stale)


def list_sessions(
    session: Session, *, user_id: UUID, limit: int, cursor: str | None = None
) -> tuple[list[UserSession], str | None]:
    """Return a page of the user's live sessions, newest first, and the next cursor."""
    bound_to = {"list": "sessions", "user_id": user_id}
    query = (
        select(UserSession)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.user_id == user_id, is_live())
        .order_by(UserSession.created_at.desc(), UserSession.id.desc())
    )
    if cursor is not None:
        position = read_cursor(cursor, tuple[datetime, UUID], bound_to=bound_to)
        query = query.where(tuple_(UserSession.created_at, UserSession.id) < position)
    rows = list(session.scalars(query.limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], sign_cursor((last.created_at, last.id), bound_to=bound_to)


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
                EmailToken.purpose == "verify_email",
                EmailToken.password_hash.is_not(None),
                EmailToken.used_at.is_(None),
            )
        )
    )
