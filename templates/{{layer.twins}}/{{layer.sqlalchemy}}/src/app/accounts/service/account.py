"""The account itself: changed, disabled, deleted, purged."""

from typing import Protocol
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.accounts import queries, rules
from app.accounts.models import EmailToken, User, UserSession
from app.accounts.schemas import Me
from app.accounts.service.common import now, record
from app.accounts.service.passwords import confirm_password
from app.accounts.service.sessions import end_sessions
from app.core.db.rows import lock_or_404
from app.core.web.preconditions import require_match


def update_me(session: Session, *, user_id: UUID, name: str, if_match: str | None) -> Me:
    """Change the caller's name; PreconditionFailed if `if_match` is not the current ETag."""
    query = select(User).where(User.id == user_id)
    user = lock_or_404(session, query, "user", key_share=True)
    require_match(if_match, rules.me_etag(queries.view_me(user)))
    user.name = name
    session.flush()
    return queries.view_me(user)


class BeforeDeletion(Protocol):
    """Called in the transaction that deletes an account; an AppError refuses the deletion."""

    def __call__(self, session: Session, *, user_id: UUID) -> None: ...


# Registered by the composition root: modules that depend on accounts cannot be imported here.
_before_deletion: list[BeforeDeletion] = []


def call_before_deletion(callback: BeforeDeletion) -> None:
    """Register a callback of another module; a second registration does nothing."""
    if callback not in _before_deletion:
        _before_deletion.append(callback)


def delete_me(session: Session, *, user_id: UUID, password: str, if_match: str | None) -> None:
    """Delete the caller's account; Conflict while an organization has no other owner."""
    user = confirm_password(session, user_id, password, pointer="/password")
    require_match(if_match, rules.me_etag(queries.view_me(user)))
    for callback in _before_deletion:
        callback(session, user_id=user_id)
    session.execute(delete(User).where(User.id == user_id))


def disable_user(session: Session, *, user_id: UUID) -> None:
    """Disable an account: its sessions end, and sign-in is refused."""
    _set_disabled(session, user_id, disabled=True)
    end_sessions(session, UserSession.user_id == user_id)
    record(session, user_id, "user.disabled")


def enable_user(session: Session, *, user_id: UUID) -> None:
    """Enable an account that was disabled. Its ended sessions stay ended."""
    _set_disabled(session, user_id, disabled=False)
    record(session, user_id, "user.enabled")


def _set_disabled(session: Session, user_id: UUID, *, disabled: bool) -> None:
    changed = session.scalar(
        update(User)
        .where(User.id == user_id, User.disabled_at.is_(None) == disabled)
        .values(disabled_at=now() if disabled else None)
        .returning(User.id)
    )
    if changed is None:
        raise rules.account_is_already("disabled" if disabled else "enabled")


def purge(session: Session) -> None:
    """Delete expired links, ended sessions with their tokens, and unverified accounts."""
    session.execute(delete(EmailToken).where(EmailToken.expires_at < now() - rules.KEEP_UNVERIFIED))
    session.execute(
        delete(UserSession).where(
            or_(
                UserSession.expires_at < now() - rules.KEEP_ENDED,
                UserSession.revoked_at < now() - rules.KEEP_ENDED,
            )
        )
    )
    token = select(EmailToken.id).where(EmailToken.user_id == User.id)
    session.execute(
        delete(User).where(
            User.email_verified_at.is_(None),
            User.created_at < now() - rules.KEEP_UNVERIFIED,
            ~token.exists(),
        )
    )
