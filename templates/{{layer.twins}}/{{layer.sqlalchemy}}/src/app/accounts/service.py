"""Use cases of accounts: who somebody is, how they prove it, and in which sessions."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NoReturn, Protocol
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import about
from app.accounts import queries
from app.accounts.models import (
    EmailToken,
    Identity,
    RecoveryCode,
    RefreshToken,
    SecurityEvent,
    User,
    UserSession,
)
from app.accounts.schemas import Me, Transport
from app.core import context, crypto
from app.core.errors import Conflict, Forbidden, Invalid, MfaRequired, NotFound, Unauthenticated
from app.core.ids import uuid7
from app.core.jobs.outbox import enqueue
from app.core.schemas import Email, Name
from app.core.security import access_tokens, oidc, passwords, ratelimit, tokens, totp
from app.core.security.client_ip import network
from app.core.security.principals import UserPrincipal
from app.core.web.preconditions import require_match
from app.settings import settings

logger = logging.getLogger(__name__)

VERIFICATION_LIFETIME = timedelta(hours=24)
RESET_LIFETIME = timedelta(minutes=30)
SESSION_LIFETIME = timedelta(days=30)
# Two tabs that refresh at once are no theft: this long, the loser is only refused.
REUSE_GRACE = timedelta(seconds=10)
# How long what is over stays: for replays to be recognised, and for questions afterwards.
KEEP_ENDED = timedelta(days=30)
KEEP_UNVERIFIED = timedelta(days=7)

# Mails of one kind to one address, because of requests from one network.
MAIL_RATE = "5/hour"
# Three of a million codes are right at any time. Only who knows the password gets here, so
# that a stranger cannot use this limit to lock anyone out.
SECOND_FACTOR_RATE = "10/hour"
# What all networks together may do to one account, and one network to all accounts: so many
# times what one network may do to one account.
WIDE_FACTOR = 10

VERIFICATION = "verify_email"
RESET = "reset_password"
_TOTP = "totp"

_now = func.clock_timestamp
_Email: TypeAdapter[str] = TypeAdapter(Email)
_Name: TypeAdapter[str] = TypeAdapter(Name)

type Notice = Literal[
    "password_changed", "totp_enabled", "totp_disabled", "recovery_code_used", "provider_linked"
]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A session for a client that sends headers."""

    access_token: str
    refresh_token: str
    expires_in: int = int(access_tokens.LIFETIME.total_seconds())


@dataclass(frozen=True, slots=True)
class Cookie:
    """A session for a browser: one secret that no script can read."""

    value: str
    max_age: int = int(SESSION_LIFETIME.total_seconds())


class RefreshTokenReused(Unauthenticated):
    """A refresh token came a second time: its session is ended, and that must be kept."""

    commits = True


def _wrong_credentials() -> Unauthenticated:
    return Unauthenticated("The e-mail address or the password is wrong.")


def _record(session: Session, user_id: UUID, action: str, **details: object) -> None:
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


def _notify(session: Session, user_id: UUID, notice: Notice) -> None:
    enqueue(session, "accounts.send_notice", user_id=user_id, notice=notice)


def _lock_user(session: Session, user_id: UUID) -> User | None:
    """Load an account as it is now, and make its other changes wait for this one."""
    return session.scalar(
        select(User)
        .where(User.id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


# Sign-up and verification


def create_verified_user(session: Session, *, email: str, name: str, password: str) -> UUID | None:
    """Make an account that can be used at once; None when the address has one already."""
    password_hash = passwords.hash_password(password)
    return session.scalar(
        insert(User)
        .values(
            id=uuid7(),
            email=email,
            name=name,
            password_hash=password_hash,
            email_verified_at=_now(),
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )


def sign_up(session: Session, *, email: str, password: str, name: str) -> None:
    """Begin an account: a mail tells how to finish it, or that there is one already.

    Password and name are kept with the link that is mailed and take effect when it is opened,
    so that signing up a stranger's address first gains nothing.
    """
    _check_new_password(password, pointer="/password", personal=(email, name))
    # Hashed in any case: the answer takes as long whether or not there is an account.
    password_hash = passwords.hash_password(password)
    session.execute(
        insert(User)
        .values(id=uuid7(), email=email, name=name)
        .on_conflict_do_nothing(index_elements=[User.email])
    )
    user = queries.find_user(session, email)
    if user is None or not _may_mail("sign-up-mail", email):
        return
    if user.email_verified_at is not None:
        enqueue(session, "accounts.send_already_registered", user_id=user.id)
        return
    token_id = _add_email_token(
        session, user.id, VERIFICATION, password_hash=password_hash, name=name
    )
    enqueue(session, "accounts.send_verification", email_token_id=token_id)


def _may_mail(kind: str, email: str) -> bool:
    """Count a mail: nobody is to be flooded, and no stranger may use up what is the owner's."""
    if not ratelimit.allows(kind, MAIL_RATE, _attempt_key(email)):
        return False
    return ratelimit.allows(f"{kind}-wide", ratelimit.times(MAIL_RATE, WIDE_FACTOR), email)


def _check_new_password(password: str, *, pointer: str, personal: tuple[str, ...]) -> None:
    passwords.check_password(password, pointer=pointer, personal=personal)


def _add_email_token(
    session: Session,
    user_id: UUID,
    purpose: str,
    *,
    password_hash: str | None = None,
    name: str | None = None,
) -> UUID:
    lifetime = VERIFICATION_LIFETIME if purpose == VERIFICATION else RESET_LIFETIME
    token = EmailToken(
        id=uuid7(),
        user_id=user_id,
        purpose=purpose,
        password_hash=password_hash,
        name=name,
        expires_at=_now() + lifetime,
    )
    session.add(token)
    session.flush()
    return token.id


def request_verification(session: Session, *, email: str) -> None:
    """Ask for the verification mail again. Whether there is an account is the job's business."""
    if _may_mail("verification-mail", email):
        enqueue(session, "accounts.resend_verification", email=email)


def renew_verification(session: Session, *, email: str) -> UUID | None:
    """Make a new link for an address that waits for its verification; None for any other.

    The link carries the sign-up's password only if there was one sign-up. Of several, one may
    be somebody else's, and nobody can tell which: then the password is set by a reset.
    """
    user = queries.find_user(session, email)
    if user is None or user.email_verified_at is not None:
        return None
    pending = queries.find_pending_sign_ups(session, user.id)
    hashes = {item.password_hash for item in pending}
    only = pending[0] if len(hashes) == 1 else None
    return _add_email_token(
        session,
        user.id,
        VERIFICATION,
        password_hash=only.password_hash if only else None,
        name=only.name if only else None,
    )


def verify_email(session: Session, *, token: str) -> None:
    """Finish a sign-up with the token from its mail."""
    user, used = _use_email_token(session, VERIFICATION, token)
    if user.email_verified_at is not None:
        # Another link of the same address was faster, with another password perhaps.
        raise tokens.invalid_token()
    user.email_verified_at = _now()
    user.password_hash = used.password_hash
    user.name = used.name or user.name
    session.flush()
    _void_email_tokens(session, user.id)
    _record(session, user.id, "email.verified")


def _use_email_token(session: Session, purpose: str, token: str) -> tuple[User, EmailToken]:
    """Take a token, once; Invalid when it is not one of ours, of another kind, used or expired."""
    token_id = tokens.read_row_token(purpose, token)
    # The account first: two links of one account take turns, and cannot wait for each other.
    user_id = session.scalar(select(EmailToken.user_id).where(EmailToken.id == token_id))
    user = _lock_user(session, user_id) if user_id else None
    used: EmailToken | None = session.scalar(
        update(EmailToken)
        .where(
            EmailToken.id == token_id,
            EmailToken.purpose == purpose,
            EmailToken.used_at.is_(None),
            EmailToken.expires_at > _now(),
        )
        .values(used_at=_now())
        .returning(EmailToken)
    )
    if user is None or used is None:
        raise tokens.invalid_token()
    return user, used


def _void_email_tokens(session: Session, user_id: UUID) -> None:
    session.execute(
        update(EmailToken)
        .where(EmailToken.user_id == user_id, EmailToken.used_at.is_(None))
        .values(used_at=_now())
    )


# Signing in and out


def sign_in(
    session: Session,
    *,
    email: str,
    password: str,
    totp_code: str | None,
    recovery_code: str | None,
    transport: Transport,
) -> Tokens | Cookie:
    """Open a session with a password, and a second factor where the account has one."""
    _limit_sign_in(session, email)
    found = queries.find_user(session, email)
    seen = found.password_hash if found else None
    right, better = passwords.verify_password(password, seen)
    # Locked and looked at again: a session must not be opened with a password that is being
    # changed right now, since the change ends only the sessions that it sees.
    user = _lock_user(session, found.id) if found and right else None
    if user is None or user.password_hash != seen or not _may_sign_in(user):
        logger.info("sign-in refused", extra={"user_id": str(found.id) if found else None})
        raise _wrong_credentials()
    if user.totp_confirmed_at is not None:
        _check_second_factor(session, user, totp_code, recovery_code)
    if better is not None:
        user.password_hash = better
    ratelimit.clear("sign-in", settings.rate_limit_sign_in, _attempt_key(email))
    return _open_session(session, user, transport, method="password")


def _may_sign_in(user: User) -> bool:
    return user.disabled_at is None and user.email_verified_at is not None


def _attempt_key(email: str) -> str:
    return f"{email} {network(context.current().client_ip)}"


def _limit_sign_in(session: Session, email: str) -> None:
    """Count an attempt: for the account from this network, for this network, for the account.

    The last one stops guessing from many networks at once. It would also let a stranger with
    many networks keep the owner out; so it does not bind a network from which the account
    was used before. All windows are short: nothing stays locked once the attempts end.
    """
    rate = settings.rate_limit_sign_in
    wide = ratelimit.times(rate, WIDE_FACTOR)
    address = context.current().client_ip
    ratelimit.enforce("sign-in-network", wide, network(address))
    ratelimit.enforce("sign-in", rate, _attempt_key(email))
    result = ratelimit.hit("sign-in-account", wide, email)
    if (
        result is not None
        and not result.allowed
        and not queries.has_signed_in_from(session, email=email, address=address)
    ):
        raise result.error()


def _check_second_factor(
    session: Session, user: User, totp_code: str | None, recovery_code: str | None
) -> None:
    if totp_code is None and recovery_code is None:
        raise MfaRequired("Send a code of the authenticator app, or a recovery code.")
    ratelimit.enforce("second-factor", SECOND_FACTOR_RATE, str(user.id))
    if totp_code is not None:
        accepted = _accept_totp(user, totp_code)
    else:
        accepted = _accept_recovery_code(session, user, recovery_code or "")
    if not accepted:
        raise MfaRequired("The code is wrong, or was used before.")
    ratelimit.clear("second-factor", SECOND_FACTOR_RATE, str(user.id))


def _accept_totp(user: User, code: str) -> bool:
    """Take a code, once; the user's row is locked."""
    if user.totp_secret is None:
        return False
    secret = crypto.decrypt(_TOTP, user.totp_secret).decode()
    step = totp.accepted_step(secret, code, last_step=user.totp_last_step)
    if step is not None:
        user.totp_last_step = step
    return step is not None


def _accept_recovery_code(session: Session, user: User, code: str) -> bool:
    used = session.scalar(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.code_hash == totp.hash_recovery_code(user.id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=_now())
        .returning(RecoveryCode.id)
    )
    if used is None:
        return False
    _record(session, user.id, "recovery_code.used")
    _notify(session, user.id, "recovery_code_used")
    return True


def _open_session(
    session: Session, user: User, transport: Transport, *, method: str
) -> Tokens | Cookie:
    current = context.current()
    opened = UserSession(
        id=uuid7(),
        user_id=user.id,
        expires_at=_now() + SESSION_LIFETIME,
        user_agent=current.user_agent,
        ip=current.client_ip,
    )
    cookie = Cookie(crypto.new_secret())
    if transport == "cookie":
        opened.cookie_hash = crypto.hash_secret(cookie.value)
    session.add(opened)
    # Before what refers to it: without a relationship the flush does not know the order.
    session.flush()
    _record(session, user.id, "session.opened", session_id=str(opened.id), method=method)
    if transport == "cookie":
        return cookie
    return _issue_tokens(session, user_id=user.id, session_id=opened.id)


def _issue_tokens(session: Session, *, user_id: UUID, session_id: UUID) -> Tokens:
    refresh_token = crypto.new_secret()
    session.add(RefreshToken(session_id=session_id, token_hash=crypto.hash_secret(refresh_token)))
    session.flush()
    return Tokens(
        access_token=access_tokens.issue(user_id=user_id, session_id=session_id),
        refresh_token=refresh_token,
    )


def refresh(session: Session, *, refresh_token: str) -> Tokens:
    """Exchange a refresh token for the next pair. Of many at once, one statement lets one win."""
    token_hash = crypto.hash_secret(refresh_token)
    session_id = session.scalar(
        update(RefreshToken)
        .where(RefreshToken.token_hash == token_hash, RefreshToken.used_at.is_(None))
        .values(used_at=_now())
        .returning(RefreshToken.session_id)
    )
    if session_id is None:
        _refuse_refresh(session, token_hash)
    live = queries.find_live_session(session, UserSession.id == session_id)
    if live is None:
        raise _invalid_refresh_token()
    session.execute(
        update(UserSession).where(UserSession.id == live.id).values(last_used_at=_now())
    )
    return _issue_tokens(session, user_id=live.user_id, session_id=live.id)


def _refuse_refresh(session: Session, token_hash: bytes) -> NoReturn:
    """Tell a second tab from a thief by the time since the token was used."""
    replayed_session_id = session.scalar(
        select(RefreshToken.session_id).where(
            RefreshToken.token_hash == token_hash,
            RefreshToken.used_at < _now() - REUSE_GRACE,
        )
    )
    if replayed_session_id is not None:
        ended = _end_sessions(session, UserSession.id == replayed_session_id)
        for item in ended:
            _record(session, item.user_id, "refresh_token.reused", session_id=str(item.id))
            logger.warning("refresh token reused", extra={"session_id": str(item.id)})
        raise RefreshTokenReused("The refresh token was used before: sign in again.")
    raise _invalid_refresh_token()


def _invalid_refresh_token() -> Unauthenticated:
    return Unauthenticated("The refresh token is invalid, used or expired.")


def _end_sessions(session: Session, criterion: ColumnElement[bool]) -> Sequence[Row[UUID, UUID]]:
    result = session.execute(
        update(UserSession)
        .where(criterion, UserSession.revoked_at.is_(None))
        .values(revoked_at=_now())
        .returning(UserSession.id, UserSession.user_id)
    )
    return result.all()


def authenticate_token(session: Session, token: str) -> UserPrincipal:
    """Accept an access token whose session still lives."""
    claims = access_tokens.read(token)
    return _authenticate(
        session, and_(UserSession.id == claims.session_id, UserSession.user_id == claims.user_id)
    )


def authenticate_cookie(session: Session, cookie: str) -> UserPrincipal:
    """Accept a browser's cookie whose session still lives."""
    return _authenticate(session, UserSession.cookie_hash == crypto.hash_secret(cookie))


def _authenticate(session: Session, criterion: ColumnElement[bool]) -> UserPrincipal:
    live = queries.find_live_session(session, criterion)
    if live is None:
        raise Unauthenticated("The session has ended.")
    if live.is_stale:
        # Skipped where another request holds the row: it writes the same, and nobody waits.
        row = (
            select(UserSession.id)
            .where(UserSession.id == live.id)
            .with_for_update(skip_locked=True)
        )
        session.execute(
            update(UserSession)
            .where(UserSession.id == row.scalar_subquery())
            .values(last_used_at=_now())
            .execution_options(synchronize_session=False)
        )
    return UserPrincipal(id=live.user_id, email=live.email, session_id=live.id)


def end_session(session: Session, *, user_id: UUID, session_id: UUID) -> None:
    """End one of the user's sessions: at once, with its tokens and cookie."""
    ended = _end_sessions(
        session, and_(UserSession.id == session_id, UserSession.user_id == user_id)
    )
    if not ended:
        raise NotFound("session")
    _record(session, user_id, "session.ended", session_id=str(session_id))


def disable_user(session: Session, *, user_id: UUID) -> None:
    """Shut an account: its sessions end at once, and nobody signs in to it."""
    _set_disabled(session, user_id, disabled=True)
    _end_sessions(session, UserSession.user_id == user_id)
    _record(session, user_id, "user.disabled")


def enable_user(session: Session, *, user_id: UUID) -> None:
    """Open an account that was disabled. The owner signs in anew."""
    _set_disabled(session, user_id, disabled=False)
    _record(session, user_id, "user.enabled")


def _set_disabled(session: Session, user_id: UUID, *, disabled: bool) -> None:
    changed = session.scalar(
        update(User)
        .where(User.id == user_id, User.disabled_at.is_(None) == disabled)
        .values(disabled_at=_now() if disabled else None)
        .returning(User.id)
    )
    if changed is None:
        raise Conflict(f"The account is {'disabled' if disabled else 'enabled'} already.")


# Passwords


def request_password_reset(session: Session, *, email: str) -> None:
    """Ask for a reset mail. Whether there is an account is the job's business."""
    if _may_mail("reset-mail", email):
        enqueue(session, "accounts.send_password_reset", email=email)


def prepare_password_reset(session: Session, *, email: str) -> UUID | None:
    """Make the reset link of an account; None for an address without one."""
    user = queries.find_user(session, email)
    if user is None or not _may_sign_in(user):
        return None
    return _add_email_token(session, user.id, RESET)


def reset_password(session: Session, *, token: str, password: str) -> None:
    """Set a password with the token from the mail. It signs nobody in, and ends all sessions."""
    user, _ = _use_email_token(session, RESET, token)
    _set_password(session, user, password, pointer="/password")
    _end_sessions(session, UserSession.user_id == user.id)


def change_password(
    session: Session, *, user: UserPrincipal, current_password: str, new_password: str
) -> None:
    """Replace the password; ends all sessions but the one that asks."""
    account = _confirm_password(session, user.id, current_password, pointer="/current_password")
    _set_password(session, account, new_password, pointer="/new_password")
    _end_sessions(session, and_(UserSession.user_id == user.id, UserSession.id != user.session_id))


def _set_password(session: Session, user: User, password: str, *, pointer: str) -> None:
    _check_new_password(password, pointer=pointer, personal=(user.email, user.name))
    user.password_hash = passwords.hash_password(password)
    session.flush()
    _void_email_tokens(session, user.id)
    _record(session, user.id, "password.changed")
    _notify(session, user.id, "password_changed")


def _confirm_password(session: Session, user_id: UUID, password: str, *, pointer: str) -> User:
    """Ask a signed-in user for the password again; returns the account, locked."""
    ratelimit.enforce("password", settings.rate_limit_sign_in, str(user_id))
    user = _lock_user(session, user_id)
    stored = user.password_hash if user else None
    right, _ = passwords.verify_password(password, stored)
    if user is None or not right:
        raise Invalid(pointer=pointer, code="wrong_password", detail="The password is wrong.")
    return user


# The second factor


def begin_totp(session: Session, *, user_id: UUID) -> tuple[str, str]:
    """Make a TOTP secret, and its URI for a QR code; it counts once it is confirmed."""
    user = _lock_user(session, user_id)
    if user is None:
        raise NotFound("user")
    if user.totp_confirmed_at is not None:
        raise Conflict("A second factor is set up already: remove it first.")
    secret = totp.new_secret()
    user.totp_secret = crypto.encrypt(_TOTP, secret.encode())
    user.totp_last_step = None
    session.flush()
    return secret, totp.otpauth_uri(secret, account=user.email, issuer=about.NAME)


def confirm_totp(session: Session, *, user_id: UUID, code: str) -> list[str]:
    """Turn the second factor on with a first code; returns the recovery codes."""
    user = _lock_user(session, user_id)
    if user is None or user.totp_secret is None or user.totp_confirmed_at is not None:
        raise Conflict("No second factor waits for its confirmation.")
    ratelimit.enforce("second-factor", SECOND_FACTOR_RATE, str(user_id))
    if not _accept_totp(user, code):
        raise Invalid(pointer="/code", code="wrong_code", detail="The code is wrong.")
    user.totp_confirmed_at = _now()
    codes = totp.new_recovery_codes()
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(
        RecoveryCode(user_id=user_id, code_hash=totp.hash_recovery_code(user_id, item))
        for item in codes
    )
    ratelimit.clear("second-factor", SECOND_FACTOR_RATE, str(user_id))
    _record(session, user_id, "totp.enabled")
    _notify(session, user_id, "totp_enabled")
    return codes


def disable_totp(session: Session, *, user_id: UUID, password: str) -> None:
    """Remove the second factor and its recovery codes."""
    user = _confirm_password(session, user_id, password, pointer="/password")
    if user.totp_confirmed_at is None:
        raise Conflict("No second factor is set up.")
    user.totp_secret = user.totp_confirmed_at = user.totp_last_step = None
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    _record(session, user_id, "totp.disabled")
    _notify(session, user_id, "totp_disabled")


# OpenID Connect


def sign_in_with_provider(
    session: Session, *, identity: oidc.Identity, transport: Transport
) -> Tokens | Cookie:
    """Open a session for who signed in with a provider; makes the account at first sight.

    The provider answers for the sign-in, its own second factor included.
    """
    user_id = _find_identity(session, identity)
    if user_id is None:
        user_id = _adopt(session, identity)
    user = _lock_user(session, user_id)
    if user is None or not _may_sign_in(user):
        raise Unauthenticated("The account is disabled.")
    return _open_session(session, user, transport, method=identity.issuer)


def _find_identity(session: Session, identity: oidc.Identity) -> UUID | None:
    return session.scalar(
        select(Identity.user_id).where(
            Identity.issuer == identity.issuer, Identity.subject == identity.subject
        )
    )


def _adopt(session: Session, identity: oidc.Identity) -> UUID:
    """Link an identity to the account of its address, which both sides must have verified."""
    email = _valid(_Email, identity.email)
    if email is None or not identity.email_verified:
        raise Unauthenticated("The provider has not verified an e-mail address of yours.")
    # Whoever began a sign-up with this address never proved that it is theirs. It goes, and
    # with it its password; what the provider vouches for starts clean.
    session.execute(delete(User).where(User.email == email, User.email_verified_at.is_(None)))
    created = session.scalar(
        insert(User)
        .values(
            id=uuid7(),
            email=email,
            name=_valid(_Name, identity.name) or email.partition("@")[0],
            email_verified_at=_now(),
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )
    user = queries.find_user(session, email)
    if user is None or user.email_verified_at is None:
        raise Conflict("The account was changed at the same time: try again.")
    if user.totp_confirmed_at is not None:
        # Or else a mailbox alone would open an account that asks for a second factor.
        raise Forbidden("The account has a second factor: sign in with the password.")
    linked: UUID | None = session.scalar(
        insert(Identity)
        .values(id=uuid7(), user_id=user.id, issuer=identity.issuer, subject=identity.subject)
        .on_conflict_do_nothing(index_elements=[Identity.issuer, Identity.subject])
        .returning(Identity.user_id)
    )
    if linked is None:
        raise Conflict("The account was changed at the same time: try again.")
    _record(session, user.id, "provider.linked", issuer=identity.issuer)
    if created is None:
        _notify(session, user.id, "provider_linked")
    return linked


def _valid(type_: TypeAdapter[str], value: str | None) -> str | None:
    try:
        return type_.validate_python(value)
    except ValidationError:
        return None


# The account itself


def update_me(session: Session, *, user_id: UUID, name: str, if_match: str | None) -> Me:
    """Change the caller's account."""
    user = _lock_user(session, user_id)
    if user is None:
        raise NotFound("user")
    require_match(if_match, queries.me_etag(queries.view_me(user)))
    user.name = name
    session.flush()
    return queries.view_me(user)


class BeforeDeletion(Protocol):
    """Called in the transaction that deletes an account; an AppError refuses the deletion."""

    def __call__(self, session: Session, *, user_id: UUID) -> None: ...


# Set by the composition root: modules that refer to accounts cannot be imported here.
_before_deletion: list[BeforeDeletion] = []


def call_before_deletion(callback: BeforeDeletion) -> None:
    """Register a callback of another module; a second registration does nothing."""
    if callback not in _before_deletion:
        _before_deletion.append(callback)


def delete_me(session: Session, *, user_id: UUID, password: str, if_match: str | None) -> None:
    """Delete the caller's account for good; Conflict while an organization has no other owner."""
    user = _confirm_password(session, user_id, password, pointer="/password")
    require_match(if_match, queries.me_etag(queries.view_me(user)))
    for callback in _before_deletion:
        callback(session, user_id=user_id)
    session.execute(delete(User).where(User.id == user_id))


def purge(session: Session) -> None:
    """Delete what is over: links, sessions with their tokens, sign-ups never verified."""
    session.execute(delete(EmailToken).where(EmailToken.expires_at < _now() - KEEP_UNVERIFIED))
    session.execute(
        delete(UserSession).where(
            or_(
                UserSession.expires_at < _now() - KEEP_ENDED,
                UserSession.revoked_at < _now() - KEEP_ENDED,
            )
        )
    )
    waiting = select(EmailToken.id).where(EmailToken.user_id == User.id)
    session.execute(
        delete(User).where(
            User.email_verified_at.is_(None),
            User.created_at < _now() - KEEP_UNVERIFIED,
            ~waiting.exists(),
        )
    )
