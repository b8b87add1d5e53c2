"""Shared by the files of this package: row locks, security events, notices and limits."""

from typing import Literal
from uuid import UUID

from app.accounts import rules
from app.accounts.models import SecurityEvent, User
from app.core import context
from app.core.jobs.outbox import enqueue
from app.core.security import ratelimit

type Notice = rules.Notice | Literal["passkey_added", "passkey_removed", "recovery_codes_renewed"]


def lock_user(user_id: UUID) -> User | None:
    """Load a user under a row lock."""
    return User.objects.select_for_update(no_key=True).filter(id=user_id).first()


def can_sign_in(user: User) -> bool:
    """Return whether the account is enabled and its address verified."""
    return user.is_active and user.email_verified_at is not None


def insert_user(user: User) -> UUID | None:
    """Insert an account; None if the address has one, also after a concurrent insert."""
    User.objects.bulk_create([user], ignore_conflicts=True)
    return user.id if User.objects.filter(id=user.id).exists() else None


def record(user_id: UUID, action: str, **details: object) -> None:
    """Add a security event, with the address and user agent of the current request."""
    current = context.current()
    SecurityEvent.objects.create(
        user_id=user_id,
        action=action,
        ip=current.client_ip,
        user_agent=current.user_agent,
        request_id=current.request_id,
        details={**details, **current.staff()},
    )


def notify(user_id: UUID, notice: Notice) -> None:
    """Enqueue a mail that tells the user about a change of the account."""
    enqueue("accounts.send_notice", user_id=user_id, notice=notice)


def allow_mail(kind: str, email: str) -> bool:
    """Count a mail against two limits, and return whether it may be sent.

    The limit on the address prevents flooding a mailbox. The narrower limit on address and
    network keeps one stranger from using it up, so that the owner can still ask for a mail.
    """
    if not ratelimit.allows(kind, rules.MAIL_RATE, rules.attempt_key(email)):
        return False
    wide = ratelimit.times(rules.MAIL_RATE, rules.WIDE_FACTOR)
    return ratelimit.allows(f"{kind}-wide", wide, email)
