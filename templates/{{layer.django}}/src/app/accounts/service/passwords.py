"""Change, reset and confirmation of the password."""

from uuid import UUID

from django.contrib.auth import hashers
from django.db.models import Q

from app.accounts import queries, rules
from app.accounts.models import User
from app.accounts.service.common import allow_mail, can_sign_in, lock_user, notify, record
from app.accounts.service.email_tokens import (
    add_email_token,
    use_email_token,
    void_email_tokens,
)
from app.accounts.service.sessions import end_sessions
from app.core.jobs.outbox import enqueue
from app.core.security import passwords, ratelimit
from app.core.security.impersonation import refuse_while_impersonating
from app.core.security.principals import UserPrincipal
from app.settings import settings


def request_password_reset(*, email: str) -> None:
    """Enqueue a reset mail.

    The job looks the account up: the response time must not tell whether there is one.
    """
    if allow_mail("reset-mail", email):
        enqueue("accounts.send_password_reset", email=email)


def prepare_password_reset(*, email: str) -> UUID | None:
    """Add a reset token; None unless the address has a usable account."""
    user = queries.find_user(email)
    if user is None or not can_sign_in(user):
        return None
    return add_email_token(user.id, rules.RESET)


def reset_password(*, token: str, password: str) -> None:
    """Set a password with the token from the mail; ends all sessions and opens none."""
    user, _ = use_email_token(rules.RESET, token)
    _set_password(user, password, pointer="/password")
    end_sessions(Q(user_id=user.id))


def change_password(*, user: UserPrincipal, current_password: str, new_password: str) -> User:
    """Replace the password; ends all sessions except that of the request."""
    account = confirm_password(user.id, current_password, pointer="/current_password")
    _set_password(account, new_password, pointer="/new_password")
    end_sessions(Q(user_id=user.id) & ~Q(id=user.session_id))
    return account


def _set_password(user: User, password: str, *, pointer: str) -> None:
    passwords.check_password(password, pointer=pointer, personal=(user.email, user.name))
    user.password = hashers.make_password(password)
    user.save(update_fields=("password",))
    void_email_tokens(user.id)
    record(user.id, "password.changed")
    notify(user.id, "password_changed")


def confirm_password(user_id: UUID, password: str, *, pointer: str) -> User:
    """Verify the password of a signed-in user again, and return the user under a row lock.

    Raises Invalid when it is wrong.
    """
    refuse_while_impersonating()
    ratelimit.enforce("password", settings.rate_limit_sign_in, str(user_id))
    user = lock_user(user_id)
    correct, _ = verify_password(password, user.password if user else None)
    if user is None or not correct:
        raise rules.wrong_password(pointer)
    return user


def verify_password(password: str, stored: str | None) -> tuple[bool, bool]:
    """Return whether the password is correct, and whether its hash should be made anew."""
    if stored is None or not hashers.is_password_usable(stored):
        # As slow as a comparison: the response time must not tell whether there is an account.
        hashers.make_password(password)
        return False, False
    correct, is_outdated = hashers.verify_password(password, stored)
    return correct, is_outdated
