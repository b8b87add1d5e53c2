"""Use cases of accounts: who somebody is, how they prove it, and in which sessions.

The steps of a sign-in, passkeys and recovery codes are allauth's (`app.accounts.headless`).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NoReturn
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import is_password_usable, make_password, verify_password
from django.contrib.sessions.models import Session as Store
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.dispatch import Signal
from pydantic import TypeAdapter, ValidationError

from app.accounts import queries
from app.accounts.models import (
    EmailToken,
    Identity,
    RefreshToken,
    SecurityEvent,
    User,
    UserSession,
)
from app.accounts.schemas import Me
from app.core import context, crypto
from app.core.errors import Conflict, Forbidden, Invalid, MfaRequired, NotFound, Unauthenticated
from app.core.jobs.outbox import enqueue
from app.core.models import ClockTimestamp
from app.core.schemas import Email, Name
from app.core.security import access_tokens, oidc, passwords, ratelimit, tokens, totp
from app.core.security.client_ip import network
from app.core.security.impersonation import refuse_while_impersonating
from app.core.security.principals import UserPrincipal
from app.core.web.preconditions import require_match
from app.settings import settings

logger = logging.getLogger(__name__)

VERIFICATION_LIFETIME = timedelta(hours=24)
RESET_LIFETIME = timedelta(minutes=30)
SESSION_LIFETIME = timedelta(days=30)
# How long staff may act as a user; then it has to begin again.
ACTING_LIFETIME = timedelta(hours=1)
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

VERIFICATION = EmailToken.Purpose.VERIFY_EMAIL
RESET = EmailToken.Purpose.RESET_PASSWORD
_TOTP = "totp"

_Email: TypeAdapter[str] = TypeAdapter(Email)
_Name: TypeAdapter[str] = TypeAdapter(Name)

type Notice = Literal[
    "password_changed",
    "totp_enabled",
    "totp_disabled",
    "passkey_added",
    "passkey_removed",
    "recovery_codes_renewed",
    "recovery_code_used",
    "provider_linked",
]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A session for a client that sends headers."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105 - a name
    expires_in: int = int(access_tokens.LIFETIME.total_seconds())


class RefreshTokenReused(Unauthenticated):
    """A refresh token came a second time: its session is ended, and that must be kept."""

    commits = True


def _wrong_credentials() -> Unauthenticated:
    return Unauthenticated("The e-mail address or the password is wrong.")


def _record(user_id: UUID, action: str, **details: object) -> None:
    current = context.current()
    if current.impersonated_by is not None:
        details = {**details, "impersonated_by": current.impersonated_by}
    SecurityEvent.objects.create(
        user_id=user_id,
        action=action,
        ip=current.client_ip,
        user_agent=current.user_agent,
        request_id=current.request_id,
        details=details,
    )


def _notify(user_id: UUID, notice: Notice) -> None:
    enqueue("accounts.send_notice", user_id=user_id, notice=notice)


def _lock_user(user_id: UUID) -> User | None:
    """Load an account as it is now, and make its other changes wait for this one."""
    return User.objects.select_for_update(no_key=True).filter(id=user_id).first()


# Sign-up and verification


def create_verified_user(*, email: str, name: str, password: str) -> UUID | None:
    """Make an account that can be used at once; None when the address has one already."""
    return _insert_user(
        User(
            email=email,
            name=name,
            password=make_password(password),
            email_verified_at=ClockTimestamp(),
        )
    )


def _insert_user(user: User) -> UUID | None:
    """Add an account; None when the address has one already, however many try at once."""
    User.objects.bulk_create([user], ignore_conflicts=True)
    return user.id if User.objects.filter(id=user.id).exists() else None


def sign_up(*, email: str, password: str, name: str) -> None:
    """Begin an account: a mail tells how to finish it, or that there is one already.

    Password and name are kept with the link that is mailed and take effect when it is opened,
    so that signing up a stranger's address first gains nothing.
    """
    _check_new_password(password, pointer="/password", personal=(email, name))
    # Hashed in any case: the answer takes as long whether or not there is an account.
    password_hash = make_password(password)
    _insert_user(User(email=email, name=name, password=make_password(None)))
    user = queries.find_user(email)
    if user is None or not _may_mail("sign-up-mail", email):
        return
    if user.email_verified_at is not None:
        enqueue("accounts.send_already_registered", user_id=user.id)
        return
    token = _add_email_token(user.id, VERIFICATION, password_hash=password_hash, name=name)
    enqueue("accounts.send_verification", email_token_id=token.id)


def _may_mail(kind: str, email: str) -> bool:
    """Count a mail: nobody is to be flooded, and no stranger may use up what is the owner's."""
    if not ratelimit.allows(kind, MAIL_RATE, _attempt_key(email)):
        return False
    return ratelimit.allows(f"{kind}-wide", ratelimit.times(MAIL_RATE, WIDE_FACTOR), email)


def _check_new_password(password: str, *, pointer: str, personal: tuple[str, ...]) -> None:
    passwords.check_password(password, pointer=pointer, personal=personal)


def _add_email_token(
    user_id: UUID,
    purpose: EmailToken.Purpose,
    *,
    password_hash: str | None = None,
    name: str | None = None,
) -> EmailToken:
    lifetime = VERIFICATION_LIFETIME if purpose == VERIFICATION else RESET_LIFETIME
    return EmailToken.objects.create(
        user_id=user_id,
        purpose=purpose,
        password_hash=password_hash,
        name=name,
        expires_at=ClockTimestamp() + lifetime,
    )


def request_verification(*, email: str) -> None:
    """Ask for the verification mail again. Whether there is an account is the job's business."""
    if _may_mail("verification-mail", email):
        enqueue("accounts.resend_verification", email=email)


def renew_verification(*, email: str) -> UUID | None:
    """Make a new link for an address that waits for its verification; None for any other.

    The link carries the sign-up's password only if there was one sign-up. Of several, one may
    be somebody else's, and nobody can tell which: then the password is set by a reset.
    """
    user = queries.find_user(email)
    if user is None or user.email_verified_at is not None:
        return None
    pending = queries.find_pending_sign_ups(user.id)
    hashes = {item.password_hash for item in pending}
    only = pending[0] if len(hashes) == 1 else None
    return _add_email_token(
        user.id,
        VERIFICATION,
        password_hash=only.password_hash if only else None,
        name=only.name if only else None,
    ).id


def verify_email(*, token: str) -> None:
    """Finish a sign-up with the token from its mail."""
    user, used = _use_email_token(VERIFICATION, token)
    if user.email_verified_at is not None:
        # Another link of the same address was faster, with another password perhaps.
        raise _invalid_key()
    user.email_verified_at = ClockTimestamp()
    user.password = used.password_hash or make_password(None)
    user.name = used.name or user.name
    user.save(update_fields=("email_verified_at", "password", "name"))
    _void_email_tokens(user.id)
    _record(user.id, "email.verified")


def _use_email_token(purpose: EmailToken.Purpose, token: str) -> tuple[User, EmailToken]:
    """Consume a token; Invalid when it is forged, used, expired or for another purpose."""
    token_id = tokens.read_row_token(purpose, token)
    found = EmailToken.objects.filter(id=token_id).first()
    # The account first: two links of one account take turns, and cannot wait for each other.
    user = _lock_user(found.user_id) if found else None
    taken = EmailToken.objects.filter(
        id=token_id, purpose=purpose, used_at=None, expires_at__gt=ClockTimestamp()
    ).update(used_at=ClockTimestamp())
    if user is None or found is None or not taken:
        raise _invalid_key()
    return user, found


def _invalid_key() -> Invalid:
    # The shared error, with the name that the token has in allauth's bodies.
    (error,) = tokens.invalid_token().errors
    return Invalid(pointer="/key", code=error.code, detail=error.detail)


def _void_email_tokens(user_id: UUID) -> None:
    EmailToken.objects.filter(user_id=user_id, used_at=None).update(used_at=ClockTimestamp())


# Signing in and out


def check_password(*, email: str, password: str) -> User:
    """Take the first step of a sign-in; Unauthenticated tells nothing about the account."""
    _limit_sign_in(email)
    user = queries.find_user(email)
    right, weak = _verify_password(password, user.password if user else None)
    if user is None or not right or not may_sign_in(user):
        logger.info("sign-in refused", extra={"user_id": str(user.id) if user else None})
        raise _wrong_credentials()
    if weak:
        better = make_password(password)
        # Only as long as it is the same password.
        if User.objects.filter(id=user.id, password=user.password).update(password=better):
            user.password = better
    ratelimit.clear("sign-in", settings.rate_limit_sign_in, _attempt_key(email))
    return user


def _verify_password(password: str, stored: str | None) -> tuple[bool, bool]:
    """Tell whether the password is right, and whether its hash is weak by now."""
    if stored is None or not is_password_usable(stored):
        # As slow as with a password: the time of the answer must not tell who has an account.
        make_password(password)
        return False, False
    right, weak = verify_password(password, stored)
    return right, weak


def may_sign_in(user: User) -> bool:
    """Tell whether the account is open."""
    return user.is_active and user.email_verified_at is not None


def confirm_sign_in(user_id: UUID, *, fingerprint: str | None) -> User:
    """Look at the account again, locked, before its session is opened.

    A session must not be opened with a password that is being changed right now, or that was
    changed between two steps, since the change ends only the sessions that it sees.
    """
    user = _lock_user(user_id)
    if user is None or not may_sign_in(user) or fingerprint != password_fingerprint(user):
        raise _wrong_credentials()
    return user


def password_fingerprint(user: User) -> str:
    """Return an HMAC of the password hash, which changes whenever the password does."""
    fingerprint: str = user.get_session_auth_hash()
    return fingerprint


def _attempt_key(email: str) -> str:
    return f"{email} {network(context.current().client_ip)}"


def _limit_sign_in(email: str) -> None:
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
        and not queries.has_signed_in_from(email=email, address=address)
    ):
        raise result.error()


def open_session(
    user_id: UUID, *, method: str, cookie: str | None = None, store_key: str | None = None
) -> UUID:
    """Open a session: for a browser, with its cookie, or for a client that gets tokens."""
    current = context.current()
    opened = UserSession.objects.create(
        user_id=user_id,
        expires_at=ClockTimestamp() + SESSION_LIFETIME,
        user_agent=current.user_agent,
        ip=current.client_ip,
        cookie_hash=crypto.hash_secret(cookie) if cookie else None,
        store_key=store_key,
    )
    _record(user_id, "session.opened", session_id=str(opened.id), method=method)
    return opened.id


def begin_acting(
    user_id: UUID, *, staff_id: UUID, staff_email: str, staff_session_id: UUID, cookie: str
) -> UUID:
    """Open a session in which staff acts as a user: for a short while, and in both histories."""
    current = context.current()
    opened = UserSession.objects.create(
        user_id=user_id,
        expires_at=ClockTimestamp() + ACTING_LIFETIME,
        user_agent=current.user_agent,
        ip=current.client_ip,
        cookie_hash=crypto.hash_secret(cookie),
        staff_session_id=staff_session_id,
    )
    # The browser has this cookie now; its former one is to open nothing meanwhile.
    rekey_session(staff_session_id)
    _record_acting("began", user_id, queries.Staff(staff_id, staff_email), opened.id)
    return opened.id


def _record_acting(what: str, user_id: UUID, staff: queries.Staff, session_id: UUID) -> None:
    details = {
        "session_id": str(session_id),
        "as_user": str(user_id),
        "impersonated_by": staff.email,
    }
    for of_user in (user_id, staff.id):
        _record(of_user, f"acting.{what}", **details)


def rekey_session(
    session_id: UUID, *, cookie: str | None = None, store_key: str | None = None
) -> None:
    """Follow Django's session, which has got another key."""
    UserSession.objects.filter(id=session_id).update(
        cookie_hash=crypto.hash_secret(cookie) if cookie else None, store_key=store_key
    )


def issue_tokens(*, user_id: UUID, session_id: UUID) -> Tokens:
    """Make the next pair of a session's tokens."""
    refresh_token = crypto.new_secret()
    RefreshToken.objects.create(session_id=session_id, token_hash=crypto.hash_secret(refresh_token))
    return Tokens(
        access_token=access_tokens.issue(user_id=user_id, session_id=session_id),
        refresh_token=refresh_token,
    )


def refresh(*, refresh_token: str) -> Tokens:
    """Exchange a refresh token for the next pair. Of many at once, one statement lets one win."""
    token_hash = crypto.hash_secret(refresh_token)
    mine = RefreshToken.objects.filter(token_hash=token_hash)
    if not mine.filter(used_at=None).update(used_at=ClockTimestamp()):
        _refuse_refresh(token_hash)
    live = queries.find_live_session(Q(id__in=mine.values("session_id")))
    if live is None:
        raise _invalid_refresh_token()
    UserSession.objects.filter(id=live.id).update(last_used_at=ClockTimestamp())
    return issue_tokens(user_id=live.user_id, session_id=live.id)


def _refuse_refresh(token_hash: bytes) -> NoReturn:
    """Tell a second tab from a thief by the time since the token was used."""
    replayed_session_id = (
        RefreshToken.objects.filter(
            token_hash=token_hash, used_at__lt=ClockTimestamp() - REUSE_GRACE
        )
        .values_list("session_id", flat=True)
        .first()
    )
    if replayed_session_id is not None:
        for session_id, user_id in _end_sessions(Q(id=replayed_session_id)):
            _record(user_id, "refresh_token.reused", session_id=str(session_id))
            logger.warning("refresh token reused", extra={"session_id": str(session_id)})
        raise RefreshTokenReused("The refresh token was used before: sign in again.")
    raise _invalid_refresh_token()


def _invalid_refresh_token() -> Unauthenticated:
    return Unauthenticated("The refresh token is invalid, used or expired.")


def _end_sessions(criterion: Q) -> Sequence[tuple[UUID, UUID]]:
    """End sessions; (session, user) of those that had not ended before."""
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


def authenticate_token(token: str) -> UserPrincipal:
    """Accept an access token whose session still lives."""
    claims = access_tokens.read(token)
    return _authenticate(Q(id=claims.session_id, user_id=claims.user_id))


def authenticate_cookie(cookie: str) -> UserPrincipal:
    """Accept a browser's cookie whose session still lives."""
    return _authenticate(Q(cookie_hash=crypto.hash_secret(cookie)))


def _authenticate(criterion: Q) -> UserPrincipal:
    live = queries.find_live_session(criterion)
    if live is None:
        raise Unauthenticated("The session has ended.")
    if live.is_stale:
        # Skipped where another request holds the row: it writes the same, and nobody waits.
        free = UserSession.objects.select_for_update(skip_locked=True).filter(id=live.id)
        UserSession.objects.filter(id__in=free.values("id")).update(last_used_at=ClockTimestamp())
    context.current().impersonated_by = live.impersonated_by
    return UserPrincipal(id=live.user_id, email=live.email, session_id=live.id)


def end_session(*, user_id: UUID, session_id: UUID) -> None:
    """End one of the user's sessions: at once, with its tokens and cookie."""
    if not _end_sessions(Q(id=session_id, user_id=user_id)):
        raise NotFound("session")
    staff = queries.find_staff(session_id)
    if staff is None:
        _record(user_id, "session.ended", session_id=str(session_id))
    else:
        _record_acting("ended", user_id, staff, session_id)


def disable_user(*, user_id: UUID) -> None:
    """Shut an account: its sessions end at once, and nobody signs in to it."""
    _set_active(user_id, active=False)
    _end_sessions(Q(user_id=user_id))
    _record(user_id, "user.disabled")


def enable_user(*, user_id: UUID) -> None:
    """Open an account that was disabled. The owner signs in anew."""
    _set_active(user_id, active=True)
    _record(user_id, "user.enabled")


def set_staff(*, user_id: UUID, staff: bool) -> None:
    """Let somebody do everything in the admin, or nothing any more."""
    user = _lock_user(user_id)
    if user is None or (staff and not may_sign_in(user)):
        raise Conflict("The account is disabled, or its address was never verified.")
    if (user.is_staff, user.is_superuser) == (staff, staff):
        raise Conflict(f"The account is {'staff' if staff else 'no staff'} already.")
    user.is_staff = user.is_superuser = staff
    user.save(update_fields=("is_staff", "is_superuser"))
    _record(user_id, "staff.made" if staff else "staff.revoked")


def note_staff_change(*, user_id: UUID, action: str, details: Mapping[str, object]) -> None:
    """Keep in mind what staff did in the admin that is in no organization's log."""
    _record(user_id, action, **details)


def _set_active(user_id: UUID, *, active: bool) -> None:
    if not User.objects.filter(id=user_id, is_active=not active).update(is_active=active):
        raise Conflict(f"The account is {'enabled' if active else 'disabled'} already.")


# Passwords


def request_password_reset(*, email: str) -> None:
    """Ask for a reset mail. Whether there is an account is the job's business."""
    if _may_mail("reset-mail", email):
        enqueue("accounts.send_password_reset", email=email)


def prepare_password_reset(*, email: str) -> UUID | None:
    """Make the reset link of an account; None for an address without one."""
    user = queries.find_user(email)
    if user is None or not may_sign_in(user):
        return None
    return _add_email_token(user.id, RESET).id


def reset_password(*, token: str, password: str) -> None:
    """Set a password with the token from the mail. It signs nobody in, and ends all sessions."""
    user, _ = _use_email_token(RESET, token)
    _set_password(user, password, pointer="/password")
    _end_sessions(Q(user_id=user.id))


def change_password(*, user: UserPrincipal, current_password: str, new_password: str) -> User:
    """Replace the password; ends all sessions but the one that asks."""
    account = confirm_password(user.id, current_password, pointer="/current_password")
    _set_password(account, new_password, pointer="/new_password")
    _end_sessions(Q(user_id=user.id) & ~Q(id=user.session_id))
    return account


def _set_password(user: User, password: str, *, pointer: str) -> None:
    _check_new_password(password, pointer=pointer, personal=(user.email, user.name))
    user.password = make_password(password)
    user.save(update_fields=("password",))
    _void_email_tokens(user.id)
    _record(user.id, "password.changed")
    _notify(user.id, "password_changed")


def confirm_password(user_id: UUID, password: str, *, pointer: str) -> User:
    """Ask a signed-in user for the password again; returns the account, locked."""
    refuse_while_impersonating()
    ratelimit.enforce("password", settings.rate_limit_sign_in, str(user_id))
    user = _lock_user(user_id)
    right, _ = _verify_password(password, user.password if user else None)
    if user is None or not right:
        raise Invalid(pointer=pointer, code="wrong_password", detail="The password is wrong.")
    return user


# The second factor


def seal_secret(text: str) -> str:
    """Encrypt what must be readable to compute the expected code."""
    return crypto.to_base64url(crypto.encrypt(_TOTP, text.encode()))


def open_secret(sealed: str) -> str:
    """Undo `seal_secret`."""
    return crypto.decrypt(_TOTP, crypto.from_base64url(sealed)).decode()


def accept_code(user: User, code: str) -> Authenticator:
    """Consume a TOTP code or a recovery code; MfaRequired when it is wrong or was used."""
    ratelimit.enforce("second-factor", SECOND_FACTOR_RATE, str(user.id))
    # Locked, so that of two requests with the same code one is refused.
    candidates = Authenticator.objects.select_for_update().filter(
        user_id=user.id, type__in=(Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    )
    accepted: Authenticator | None = next(
        (item for item in candidates.order_by("id") if _accepts(item, code)), None
    )
    if accepted is None:
        raise MfaRequired("The code is wrong, or was used before.")
    ratelimit.clear("second-factor", SECOND_FACTOR_RATE, str(user.id))
    accepted.user = user
    return accepted


def _accepts(authenticator: Authenticator, code: str) -> bool:
    if authenticator.type == Authenticator.Type.TOTP:
        data = authenticator.data
        step = totp.accepted_step(open_secret(data["secret"]), code, last_step=data["last_step"])
        if step is not None:
            data["last_step"] = step
            authenticator.save(update_fields=("data",))
        return step is not None
    if not authenticator.wrap().validate_code(code):  # type: ignore[no-untyped-call]
        return False
    _record(authenticator.user_id, "recovery_code.used")
    _notify(authenticator.user_id, "recovery_code_used")
    return True


def check_totp_setup(user_id: UUID, *, secret: str, code: str) -> int:
    """Return the time step of a first code; Conflict when the account has TOTP already.

    Locks the account: whoever holds a session must not replace its authenticator app.
    """
    refuse_while_impersonating()
    _lock_user(user_id)
    if _totp(user_id).exists():
        raise Conflict("A second factor is set up already: remove it first.")
    ratelimit.enforce("second-factor", SECOND_FACTOR_RATE, str(user_id))
    step = totp.accepted_step(secret, code, last_step=None)
    if step is None:
        raise Invalid(pointer="/code", code="wrong_code", detail="The code is wrong.")
    ratelimit.clear("second-factor", SECOND_FACTOR_RATE, str(user_id))
    return step


def finish_totp_setup(user_id: UUID, *, step: int) -> None:
    """Consume the first code of an authenticator that allauth has just stored."""
    authenticator = _totp(user_id).get()
    authenticator.data["last_step"] = step
    authenticator.save(update_fields=("data",))
    _record(user_id, "totp.enabled")
    _notify(user_id, "totp_enabled")


def require_totp(user_id: UUID) -> None:
    """Lock the account; Conflict when it has no TOTP."""
    refuse_while_impersonating()
    _lock_user(user_id)
    if not _totp(user_id).exists():
        raise Conflict("No second factor is set up.")


def _totp(user_id: UUID) -> QuerySet[Authenticator]:
    return Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.TOTP)


def note_authenticator(user_id: UUID, *, type_: str, added: bool) -> None:
    """Record a change of allauth's authenticators, and tell the owner of the account."""
    noted: dict[tuple[str, bool], tuple[str, Notice]] = {
        (Authenticator.Type.WEBAUTHN, True): ("passkey.added", "passkey_added"),
        (Authenticator.Type.WEBAUTHN, False): ("passkey.removed", "passkey_removed"),
        (Authenticator.Type.TOTP, False): ("totp.disabled", "totp_disabled"),
    }
    if (type_, added) in noted:
        action, notice = noted[type_, added]
        _record(user_id, action)
        _notify(user_id, notice)


def note_recovery_codes(user_id: UUID) -> None:
    """Record new recovery codes, and tell the owner of the account."""
    _record(user_id, "recovery_codes.renewed")
    _notify(user_id, "recovery_codes_renewed")


# OpenID Connect


def find_provider_user(*, identity: oidc.Identity) -> User:
    """Find who signed in with a provider, or make the account at first sight.

    The provider answers for the sign-in, its own second factor included.
    """
    user_id = _find_identity(identity)
    if user_id is None:
        user_id = _adopt(identity)
    user = _lock_user(user_id)
    if user is None or not may_sign_in(user):
        raise Unauthenticated("The account is disabled.")
    return user


def _find_identity(identity: oidc.Identity) -> UUID | None:
    return (
        Identity.objects.filter(issuer=identity.issuer, subject=identity.subject)
        .values_list("user_id", flat=True)
        .first()
    )


def _adopt(identity: oidc.Identity) -> UUID:
    """Link an identity to the account of its address, which both sides must have verified."""
    email = _valid(_Email, identity.email)
    if email is None or not identity.email_verified:
        raise Unauthenticated("The provider has not verified an e-mail address of yours.")
    # Whoever began a sign-up with this address never proved that it is theirs. It goes, and
    # with it its password; what the provider vouches for starts clean.
    for pending in User.objects.select_for_update().filter(email=email, email_verified_at=None):
        pending.delete()
    created = _insert_user(
        User(
            email=email,
            name=_valid(_Name, identity.name) or email.partition("@")[0],
            password=make_password(None),
            email_verified_at=ClockTimestamp(),
        )
    )
    user = queries.find_user(email)
    if user is None or user.email_verified_at is None:
        raise Conflict("The account was changed at the same time: try again.")
    if Authenticator.objects.filter(user_id=user.id).exists():
        # Or else a mailbox alone would open an account that asks for a second factor.
        raise Forbidden("The account has a second factor: sign in with the password.")
    link = Identity(user_id=user.id, issuer=identity.issuer, subject=identity.subject)
    Identity.objects.bulk_create([link], ignore_conflicts=True)
    if _find_identity(identity) != user.id:
        raise Conflict("The account was changed at the same time: try again.")
    _record(user.id, "provider.linked", issuer=identity.issuer)
    if created is None:
        _notify(user.id, "provider_linked")
    linked: UUID = user.id
    return linked


def _valid(type_: TypeAdapter[str], value: str | None) -> str | None:
    try:
        return type_.validate_python(value)
    except ValidationError:
        return None


# The account itself


def update_me(*, user_id: UUID, name: str, if_match: str | None) -> Me:
    """Change the caller's account."""
    user = _lock_user(user_id)
    if user is None:
        raise NotFound("user")
    require_match(if_match, queries.me_etag(queries.view_me(user_id)))
    user.name = name
    user.save(update_fields=("name",))
    return queries.view_me(user_id)


# Sent in the transaction that deletes an account, with `user_id`. A receiver that raises an
# AppError refuses the deletion. Modules that refer to accounts connect to it.
before_account_deletion = Signal()


def delete_me(*, user_id: UUID, password: str, if_match: str | None) -> None:
    """Delete the caller's account for good; Conflict while an organization has no other owner."""
    user = confirm_password(user_id, password, pointer="/password")
    require_match(if_match, queries.me_etag(queries.view_me(user_id)))
    before_account_deletion.send(sender=User, user_id=user_id)
    user.delete()


def purge() -> None:
    """Delete what is over: links, sessions with what belongs to them, sign-ups never verified."""
    EmailToken.objects.filter(expires_at__lt=ClockTimestamp() - KEEP_UNVERIFIED).delete()
    UserSession.objects.filter(
        Q(expires_at__lt=ClockTimestamp() - KEEP_ENDED)
        | Q(revoked_at__lt=ClockTimestamp() - KEEP_ENDED)
    ).delete()
    Store.objects.filter(expire_date__lt=Now()).delete()
    waiting = EmailToken.objects.filter(user_id=OuterRef("id"))
    # Locked, so that nobody verifies the address between the look and the deletion.
    forgotten = User.objects.select_for_update(skip_locked=True).filter(
        ~Exists(waiting),
        email_verified_at=None,
        created_at__lt=ClockTimestamp() - KEEP_UNVERIFIED,
    )
    User.objects.filter(id__in=list(forgotten.values_list("id", flat=True))).delete()
