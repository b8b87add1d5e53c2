"""User sessions: opened by a sign-in, continued with refresh tokens, ended."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

from django.db.models import Q

from app.accounts import queries, rules
from app.accounts.models import RefreshToken, UserSession
from app.accounts.service.common import record
from app.core import context, crypto
from app.core.errors import NotFound
from app.core.models import ClockTimestamp
from app.core.security import access_tokens

logger = logging.getLogger(__name__)

# The staff must start an impersonation again after this time.
IMPERSONATION_LIFETIME = timedelta(hours=1)


def open_session(
    user_id: UUID, *, method: str, cookie: str | None = None, django_session_key: str | None = None
) -> UUID:
    """Add a session: of a browser, by its cookie, or of a client that will get tokens."""
    opened = _add_session(
        user_id, rules.SESSION_LIFETIME, cookie=cookie, django_session_key=django_session_key
    )
    record(user_id, "session.opened", session_id=str(opened), method=method)
    return opened


def start_impersonation(
    user_id: UUID, *, staff_id: UUID, staff_email: str, staff_session_id: UUID, cookie: str
) -> UUID:
    """Add a session in which staff impersonates a user; recorded in both histories."""
    opened = _add_session(
        user_id, IMPERSONATION_LIFETIME, cookie=cookie, staff_session_id=staff_session_id
    )
    # The browser sends the new cookie from now on: the staff's former one must open nothing.
    rekey_session(staff_session_id)
    _record_impersonation("started", user_id, queries.Staff(staff_id, staff_email), opened)
    return opened


def _add_session(
    user_id: UUID,
    lifetime: timedelta,
    *,
    cookie: str | None = None,
    django_session_key: str | None = None,
    staff_session_id: UUID | None = None,
) -> UUID:
    current = context.current()
    added = UserSession.objects.create(
        user_id=user_id,
        expires_at=ClockTimestamp() + lifetime,
        user_agent=current.user_agent,
        ip=current.client_ip,
        cookie_hash=crypto.hash_secret(cookie) if cookie else None,
        django_session_key=django_session_key,
        staff_session_id=staff_session_id,
    )
    session_id: UUID = added.id
    return session_id


def _record_impersonation(what: str, user_id: UUID, staff: queries.Staff, session_id: UUID) -> None:
    details = {
        "session_id": str(session_id),
        "as_user": str(user_id),
        "impersonated_by": staff.email,
    }
    for of_user in (user_id, staff.id):
        record(of_user, f"impersonation.{what}", **details)


def rekey_session(
    session_id: UUID, *, cookie: str | None = None, django_session_key: str | None = None
) -> None:
    """Store the new key of Django's session, or none."""
    UserSession.objects.filter(id=session_id).update(
        cookie_hash=crypto.hash_secret(cookie) if cookie else None,
        django_session_key=django_session_key,
    )


def issue_tokens(*, user_id: UUID, session_id: UUID) -> rules.Tokens:
    """Make an access token and the next refresh token of a session."""
    refresh_token = crypto.new_secret()
    RefreshToken.objects.create(session_id=session_id, token_hash=crypto.hash_secret(refresh_token))
    return rules.Tokens(
        access_token=access_tokens.issue(user_id=user_id, session_id=session_id),
        refresh_token=refresh_token,
    )


def refresh(*, refresh_token: str) -> rules.Tokens:
    """Exchange a refresh token for new tokens (rotation, RFC 9700 section 4.14.2)."""
    token_hash = crypto.hash_secret(refresh_token)
    presented = RefreshToken.objects.filter(token_hash=token_hash)
    # One conditional UPDATE: of concurrent requests with the same token, one succeeds.
    if not presented.filter(used_at=None).update(used_at=ClockTimestamp()):
        _reject_refresh(token_hash)
    live = queries.find_live_session(Q(id__in=presented.values("session_id")))
    if live is None:
        raise rules.invalid_refresh_token()
    UserSession.objects.filter(id=live.id).update(last_used_at=ClockTimestamp())
    return issue_tokens(user_id=live.user_id, session_id=live.id)


def _reject_refresh(token_hash: bytes) -> NoReturn:
    """Raise Unauthenticated; end the session if the token was used before the grace window."""
    reused_session_id = (
        RefreshToken.objects.filter(
            token_hash=token_hash, used_at__lt=ClockTimestamp() - rules.REUSE_GRACE
        )
        .values_list("session_id", flat=True)
        .first()
    )
    if reused_session_id is not None:
        for session_id, user_id in end_sessions(Q(id=reused_session_id)):
            record(user_id, "refresh_token.reused", session_id=str(session_id))
            logger.warning(
                "refresh token reused, session ended", extra={"session_id": str(session_id)}
            )
        raise rules.RefreshTokenReused
    raise rules.invalid_refresh_token()


def end_session(*, user_id: UUID, session_id: UUID) -> None:
    """End one of the user's sessions; its access token, refresh token and cookie stop working."""
    if not end_sessions(Q(id=session_id, user_id=user_id)):
        raise NotFound("session")
    staff = queries.find_impersonator(session_id)
    if staff is None:
        record(user_id, "session.ended", session_id=str(session_id))
    else:
        _record_impersonation("ended", user_id, staff, session_id)


def end_sessions(criterion: Q) -> Sequence[tuple[UUID, UUID]]:
    """End sessions, and return (id, user_id) of those that had not ended before."""
    ending = list(
        UserSession.objects.select_for_update()
        .filter(criterion, revoked_at=None)
        .order_by("id")
        .values_list("id", "user_id")
    )
    UserSession.objects.filter(id__in=[id_ for id_, _ in ending]).update(
        revoked_at=ClockTimestamp()
    )
    return ending
