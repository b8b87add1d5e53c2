"""Sign-up and verification of the address, by the user or by an operator."""

from uuid import UUID

from django.contrib.auth.hashers import make_password

from app.accounts import queries, rules
from app.accounts.models import EmailToken, User
from app.accounts.service.common import allow_mail, insert_user, lock_user, record
from app.accounts.service.email_tokens import (
    add_email_token,
    invalid_key,
    use_email_token,
    void_email_tokens,
)
from app.core.jobs.outbox import enqueue
from app.core.models import ClockTimestamp
from app.core.security.passwords import check_password as check_new_password


def sign_up(*, email: str, password: str, name: str) -> None:
    """Create an unverified account and mail a link that verifies it.

    An address that has a verified account receives a mail that says so.

    Password and name are stored with the link and take effect when that link is opened: an
    attacker who signs up with a stranger's address does not set the password of the account
    that the owner verifies later (account pre-hijacking).
    """
    check_new_password(password, pointer="/password", personal=(email, name))
    # Hashed in any case: the response time must not tell whether the address has an account.
    password_hash = make_password(password)
    insert_user(User(email=email, name=name, password=make_password(None)))
    user = queries.find_user(email)
    if user is None or not allow_mail("sign-up-mail", email):
        return
    if user.email_verified_at is not None:
        enqueue("accounts.send_already_registered", user_id=user.id)
        return
    _mail_link(user.id, password_hash=password_hash, name=name)


def create_user(*, email: str, name: str | None, password: str, verified: bool) -> UUID:
    """Create an account for an operator; Conflict if the address has one.

    The address counts as verified, or else a link that verifies it is mailed.
    """
    account = rules.check_new_account(email=email, password=password, name=name)
    check_new_password(
        account.password, pointer="/password", personal=(account.email, account.name)
    )
    password_hash = make_password(account.password)
    user_id = insert_user(
        User(
            email=account.email,
            name=account.name,
            password=password_hash if verified else make_password(None),
            email_verified_at=ClockTimestamp() if verified else None,
        )
    )
    if user_id is None:
        raise rules.address_has_account()
    record(user_id, "user.created")
    if not verified:
        _mail_link(user_id, password_hash=password_hash, name=account.name)
    return user_id


def _mail_link(user_id: UUID, *, password_hash: str, name: str) -> None:
    token_id = add_email_token(user_id, rules.VERIFICATION, password_hash=password_hash, name=name)
    enqueue("accounts.send_verification", email_token_id=token_id)


def request_verification(*, email: str) -> None:
    """Enqueue another verification mail.

    The job looks the account up: the response time must not tell whether there is one.
    """
    if allow_mail("verification-mail", email):
        enqueue("accounts.resend_verification", email=email)


def renew_verification(*, email: str) -> UUID | None:
    """Add a verification token; None unless the address has an unverified account.

    The token carries the password and name of the sign-up that counts, if there is one.
    """
    user = queries.find_user(email)
    if user is None or user.email_verified_at is not None:
        return None
    agreed = rules.agreed_sign_up(queries.find_pending_sign_ups(user.id))
    return add_email_token(
        user.id,
        rules.VERIFICATION,
        password_hash=agreed.password_hash if agreed else None,
        name=agreed.name if agreed else None,
    )


def verify_email(*, token: str) -> None:
    """Verify the address, and set the password and name stored with the token."""
    user, used = use_email_token(rules.VERIFICATION, token)
    if user.email_verified_at is not None:
        # A concurrent request verified the address with another token and its password.
        raise invalid_key()
    _verify(user, used)


def verify_user(*, user_id: UUID) -> None:
    """Verify an address for an operator; Conflict if it is verified.

    Password and name are those of the sign-up that counts. Without one, the user sets the
    password by a reset.
    """
    user = lock_user(user_id)
    if user is None or user.email_verified_at is not None:
        raise rules.account_is_already("verified")
    _verify(user, rules.agreed_sign_up(queries.find_pending_sign_ups(user_id)))


def _verify(user: User, link: EmailToken | None) -> None:
    """Verify the address; password and name are those stored with the link."""
    user.email_verified_at = ClockTimestamp()
    user.password = (link.password_hash if link else None) or make_password(None)
    user.name = (link.name if link else None) or user.name
    user.save(update_fields=("email_verified_at", "password", "name"))
    void_email_tokens(user.id)
    record(user.id, "email.verified")
