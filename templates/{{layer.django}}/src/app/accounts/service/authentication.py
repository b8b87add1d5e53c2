"""Sign-in with a password, and authentication of requests by access token or cookie."""

import logging
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db.models import Q

from app.accounts import queries, rules
from app.accounts.models import User, UserSession
from app.accounts.service.common import can_sign_in, lock_user
from app.accounts.service.passwords import verify_password
from app.core import context, crypto
from app.core.models import ClockTimestamp
from app.core.security import access_tokens, ratelimit
from app.core.security.client_ip import network
from app.core.security.principals import UserPrincipal
from app.settings import settings

logger = logging.getLogger(__name__)


def check_password(*, email: str, password: str) -> User:
    """Return the user of the first step of a sign-in; Unauthenticated for every refusal."""
    _limit_sign_in(email)
    user = queries.find_user(email)
    correct, is_outdated = verify_password(password, user.password if user else None)
    if user is None or not correct or not can_sign_in(user):
        logger.info("sign-in refused", extra={"user_id": str(user.id) if user else None})
        raise rules.wrong_credentials()
    if is_outdated:
        new_hash = make_password(password)
        # Compared, so that a concurrent change of the password is not undone.
        if User.objects.filter(id=user.id, password=user.password).update(password=new_hash):
            user.password = new_hash
    ratelimit.clear("sign-in", settings.rate_limit_sign_in, rules.attempt_key(email))
    return user


def confirm_sign_in(user_id: UUID, *, fingerprint: str | None) -> User:
    """Return the user under a row lock, before the last step of a sign-in opens a session.

    A password change ends only the sessions that exist, so none may be opened with the old
    password while the change is being committed, or between two steps.
    """
    user = lock_user(user_id)
    if user is None or not can_sign_in(user) or fingerprint != password_fingerprint(user):
        raise rules.wrong_credentials()
    return user


def password_fingerprint(user: User) -> str:
    """Return an HMAC of the password hash, which changes whenever the password does."""
    fingerprint: str = user.get_session_auth_hash()
    return fingerprint


def _limit_sign_in(email: str) -> None:
    """Count an attempt: per network, per account and network, and per account.

    The limit per account stops guessing from many networks. An attacker with many networks
    could use it to lock the owner out, so it does not apply to networks from which the account
    was used before. All windows are short: no account stays locked after the attempts end.
    """
    rate = settings.rate_limit_sign_in
    wide = ratelimit.times(rate, rules.WIDE_FACTOR)
    address = context.current().client_ip
    ratelimit.enforce("sign-in-network", wide, network(address))
    ratelimit.enforce("sign-in", rate, rules.attempt_key(email))
    result = ratelimit.hit("sign-in-account", wide, email)
    if (
        result is not None
        and not result.allowed
        and not queries.has_signed_in_from(email=email, address=address)
    ):
        raise result.error()


def authenticate_token(token: str) -> UserPrincipal:
    """Return the user of an access token; Unauthenticated unless its session is live."""
    claims = access_tokens.read(token)
    return _authenticate(Q(id=claims.session_id, user_id=claims.user_id))


def authenticate_cookie(cookie: str) -> UserPrincipal:
    """Return the user of a session cookie; Unauthenticated unless its session is live."""
    return _authenticate(Q(cookie_hash=crypto.hash_secret(cookie)))


def _authenticate(criterion: Q) -> UserPrincipal:
    live = queries.find_live_session(criterion)
    if live is None:
        raise rules.session_ended()
    if live.is_stale:
        # Skipped while a concurrent request holds the row: it writes the same value, and this
        # request must not wait for it.
        free = UserSession.objects.select_for_update(skip_locked=True).filter(id=live.id)
        UserSession.objects.filter(id__in=free.values("id")).update(last_used_at=ClockTimestamp())
    context.current().impersonated_by = live.impersonated_by
    return UserPrincipal(id=live.user_id, email=live.email, session_id=live.id)
