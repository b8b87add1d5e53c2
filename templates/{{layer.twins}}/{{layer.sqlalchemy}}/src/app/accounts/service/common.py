"""Shared by the files of this package: row locks, security events, notices and limits."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts import rules
from app.accounts.models import SecurityEvent, User
from app.core import context
from app.core.jobs.outbox import enqueue
from app.core.security import ratelimit

# The database's wall clock. SQL's now() is the start of the transaction, before it waited.
now = func.clock_timestamp


def lock_user(session: Session, user_id: UUID) -> User | None:
    """Load a user under a row lock, with current values even if it was loaded before."""
    return session.scalar(
        select(User)
        .where(User.id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def can_sign_in(user: User) -> bool:
    """Return whether the account is enabled and its address verified."""
    return user.disabled_at is None and user.email_verified_at is not None


def record(session: Session, user_id: UUID, action: str, **details: object) -> None:
    """Add a security event, with the address and user agent of the current request."""
    current = context.current()
    session.add(
        SecurityEvent(
            user_id=user_id,
            action=action,
            ip=current.client_ip,
            user_agent=current.user_agent,
            request_id=current.request_id,
            details=details,
        )
    )
    session.flush()


def notify(session: Session, user_id: UUID, notice: rules.Notice) -> None:
    """Enqueue a mail that tells the user about a change of the account."""
    enqueue(session, "accounts.send_notice", user_id=user_id, notice=notice)


def allow_mail(kind: str, email: str) -> bool:
    """Count a mail against two limits, and return whether it may be sent.

    The limit on the address prevents flooding a mailbox. The narrower limit on address and
    network keeps one stranger from using it up, so that the owner can still ask for a mail.
    """
    if not ratelimit.allows(kind, rules.MAIL_RATE, rules.attempt_key(email)):
        return False
    wide = ratelimit.times(rules.MAIL_RATE, rules.WIDE_FACTOR)
    return ratelimit.allows(f"{kind}-wide", wide, email)
