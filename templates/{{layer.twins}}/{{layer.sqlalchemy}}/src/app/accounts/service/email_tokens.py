"""Single-use tokens sent by mail: to verify an address and to reset a password."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.models import EmailToken, User
from app.accounts.rules import TOKEN_LIFETIMES
from app.accounts.service.common import lock_user, now
from app.core.ids import uuid7
from app.core.security import tokens


def add_email_token(
    session: Session,
    user_id: UUID,
    purpose: str,
    *,
    password_hash: str | None = None,
    name: str | None = None,
) -> UUID:
    """Add the row of a token, and return its id."""
    token = EmailToken(
        id=uuid7(),
        user_id=user_id,
        purpose=purpose,
        password_hash=password_hash,
        name=name,
        expires_at=now() + TOKEN_LIFETIMES[purpose],
    )
    session.add(token)
    session.flush()
    return token.id


def use_email_token(session: Session, purpose: str, token: str) -> tuple[User, EmailToken]:
    """Mark a token as used, and return its user under a row lock.

    Raises Invalid for a token that is forged, expired, used or of another purpose.
    """
    token_id = tokens.read_row_token(purpose, token)
    # The user's row is locked before the token's: two tokens of one user, used at once,
    # wait for each other and cannot deadlock.
    user_id = session.scalar(select(EmailToken.user_id).where(EmailToken.id == token_id))
    user = lock_user(session, user_id) if user_id else None
    used: EmailToken | None = session.scalar(
        update(EmailToken)
        .where(
            EmailToken.id == token_id,
            EmailToken.purpose == purpose,
            EmailToken.used_at.is_(None),
            EmailToken.expires_at > now(),
        )
        .values(used_at=now())
        .returning(EmailToken)
    )
    if user is None or used is None:
        raise tokens.invalid_token()
    return user, used


def void_email_tokens(session: Session, user_id: UUID) -> None:
    """Mark all unused tokens of the user as used."""
    session.execute(
        update(EmailToken)
        .where(EmailToken.user_id == user_id, EmailToken.used_at.is_(None))
        .values(used_at=now())
    )
