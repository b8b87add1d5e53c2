"""Change, reset and confirmation of the password."""

from uuid import UUID

from sqlalchemy import and_
from sqlalchemy.orm import Session

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
from app.settings import settings


def request_password_reset(session: Session, *, email: str) -> None:
    """Enqueue a reset mail.

    The job looks the account up: the response time must not tell whether there is one.
    """
    if allow_mail("reset-mail", email):
        enqueue(session, "accounts.send_password_reset", email=email)


def prepare_password_reset(session: Session, *, email: str) -> UUID | None:
    """Add a reset token; None unless the address has a usable account."""
    user = queries.find_user(session, email)
    if user is None or not can_sign_in(user):
        return None
    return add_email_token(session, user.id, rules.RESET)


def reset_password(session: Session, *, token: str, password: str) -> None:
    """Set a password with the token from the mail; ends all sessions and opens none."""
    user, _ = use_email_token(session, rules.RESET, token)
    _set_password(session, user, password, pointer="/password")
    end_sessions(session, UserSession.user_id == user.id)


def change_password(
    session: Session, *, user: UserPrincipal, current_password: str, new_password: str
) -> None:
    """Replace the password; ends all sessions except that of the request."""
    account = confirm_password(session, user.id, current_password, pointer="/current_password")
    _set_password(session, account, new_password, pointer="/new_password")
    end_sessions(session, and_(UserSession.user_id == user.id, UserSession.id != user.session_id))


def _set_password(session: Session, user: User, password: str, *, pointer: str) -> None:
    check_new_password(password, pointer=pointer, personal=(user.email, user.name))
    user.password_hash = passwords.hash_password(password)
    session.flush()
    void_email_tokens(session, user.id)
    record(session, user.id, "password.changed")
    notify(session, user.id, "password_changed")


def check_new_password(password: str, *, pointer: str, personal: tuple[str, ...]) -> None:
    """Raise Invalid for a password that is easy to guess, given the `personal` texts."""
    passwords.check_password(password, pointer=pointer, personal=personal)


def confirm_password(session: Session, user_id: UUID, password: str, *, pointer: str) -> User:
    """Verify the password of a signed-in user again, and return the user under a row lock.

    Raises Invalid when it is wrong.
    """
    ratelimit.enforce("password", settings.rate_limit_sign_in, str(user_id))
    user = lock_user(session, user_id)
    stored = user.password_hash if user else None
    correct, _ = passwords.verify_password(password, stored)
    if user is None or not correct:
        raise rules.wrong_password(pointer)
    return user
