"""Single-use tokens sent by mail: to verify an address and to reset a password."""

from uuid import UUID

from app.accounts.models import EmailToken, User
from app.accounts.rules import TOKEN_LIFETIMES
from app.accounts.service.common import lock_user
from app.core.errors import Invalid
from app.core.models import ClockTimestamp
from app.core.security import tokens


def add_email_token(
    user_id: UUID,
    purpose: str,
    *,
    password_hash: str | None = None,
    name: str | None = None,
) -> UUID:
    """Add the row of a token, and return its id."""
    token = EmailToken.objects.create(
        user_id=user_id,
        purpose=purpose,
        password_hash=password_hash,
        name=name,
        expires_at=ClockTimestamp() + TOKEN_LIFETIMES[purpose],
    )
    token_id: UUID = token.id
    return token_id


def use_email_token(purpose: str, token: str) -> tuple[User, EmailToken]:
    """Mark a token as used, and return its user under a row lock.

    Raises Invalid for a token that is forged, expired, used or of another purpose.
    """
    token_id = tokens.read_row_token(purpose, token)
    found = EmailToken.objects.filter(id=token_id).first()
    # The user's row is locked before the token's: two tokens of one user, used at once,
    # wait for each other and cannot deadlock.
    user = lock_user(found.user_id) if found else None
    used = EmailToken.objects.filter(
        id=token_id, purpose=purpose, used_at=None, expires_at__gt=ClockTimestamp()
    ).update(used_at=ClockTimestamp())
    if user is None or found is None or not used:
        raise invalid_key()
    return user, found


def invalid_key() -> Invalid:
    """Make the error of all services, with the name that the token has in allauth's bodies."""
    (error,) = tokens.invalid_token().errors
    return Invalid(pointer="/key", code=error.code, detail=error.detail)


def void_email_tokens(user_id: UUID) -> None:
    """Mark all unused tokens of the user as used."""
    EmailToken.objects.filter(user_id=user_id, used_at=None).update(used_at=ClockTimestamp())
