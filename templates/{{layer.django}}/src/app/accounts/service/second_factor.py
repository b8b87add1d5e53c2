"""The second factor: TOTP (RFC 6238), recovery codes and passkeys, in allauth's Authenticator."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db.models import QuerySet

from app.accounts import rules
from app.accounts.models import User
from app.accounts.service.common import Notice, lock_user, notify, record
from app.core import crypto
from app.core.security import ratelimit, totp
from app.core.security.impersonation import refuse_while_impersonating

_PURPOSE = "totp"
_Type = Authenticator.Type
_NOTED: dict[tuple[str, bool], tuple[str, Notice]] = {
    (_Type.WEBAUTHN, True): ("passkey.added", "passkey_added"),
    (_Type.WEBAUTHN, False): ("passkey.removed", "passkey_removed"),
    (_Type.TOTP, False): ("totp.disabled", "totp_disabled"),
}


def seal_secret(text: str) -> str:
    """Encrypt a secret that must be readable to compute the expected code."""
    return crypto.to_base64url(crypto.encrypt(_PURPOSE, text.encode()))


def open_secret(sealed: str) -> str:
    """Undo `seal_secret`."""
    return crypto.decrypt(_PURPOSE, crypto.from_base64url(sealed)).decode()


def accept_code(user: User, code: str) -> Authenticator:
    """Consume a TOTP code or a recovery code; MfaRequired when it is wrong or was used."""
    ratelimit.enforce("second-factor", rules.SECOND_FACTOR_RATE, str(user.id))
    # Locked, so that of concurrent requests with the same code one succeeds.
    candidates = Authenticator.objects.select_for_update().filter(
        user_id=user.id, type__in=(_Type.TOTP, _Type.RECOVERY_CODES)
    )
    accepted: Authenticator | None = next(
        (item for item in candidates.order_by("id") if _accepts(item, code)), None
    )
    if accepted is None:
        raise rules.code_refused()
    ratelimit.clear("second-factor", rules.SECOND_FACTOR_RATE, str(user.id))
    accepted.user = user
    return accepted


def _accepts(authenticator: Authenticator, code: str) -> bool:
    if authenticator.type == _Type.TOTP:
        return _use_totp_code(authenticator, code)
    if not authenticator.wrap().validate_code(code):  # type: ignore[no-untyped-call]  # allauth has no type for it
        return False
    record(authenticator.user_id, "recovery_code.used")
    notify(authenticator.user_id, "recovery_code_used")
    return True


def _use_totp_code(authenticator: Authenticator, code: str) -> bool:
    """Accept a code once (ASVS 6.5.1); allauth remembers used codes in the cache only."""
    data = authenticator.data
    step = totp.accepted_step(open_secret(data["secret"]), code, last_step=data["last_step"])
    if step is not None:
        data["last_step"] = step
        authenticator.save(update_fields=("data",))
    return step is not None


def check_totp_setup(user_id: UUID, *, secret: str, code: str) -> int:
    """Return the time step of a first code; Conflict when the account has TOTP already.

    Locks the account: an attacker with a session must not replace the authenticator app.
    """
    refuse_while_impersonating()
    lock_user(user_id)
    if _totp(user_id).exists():
        raise rules.totp_exists()
    ratelimit.enforce("second-factor", rules.SECOND_FACTOR_RATE, str(user_id))
    step = totp.accepted_step(secret, code, last_step=None)
    if step is None:
        raise rules.wrong_totp_code()
    ratelimit.clear("second-factor", rules.SECOND_FACTOR_RATE, str(user_id))
    return step


def finish_totp_setup(user_id: UUID, *, step: int) -> None:
    """Mark the first code as used, after allauth has stored the authenticator."""
    authenticator = _totp(user_id).get()
    authenticator.data["last_step"] = step
    authenticator.save(update_fields=("data",))
    record(user_id, "totp.enabled")
    notify(user_id, "totp_enabled")


def require_totp(user_id: UUID) -> None:
    """Lock the account; Conflict when it has no TOTP."""
    refuse_while_impersonating()
    lock_user(user_id)
    if not _totp(user_id).exists():
        raise rules.no_totp()


def _totp(user_id: UUID) -> QuerySet[Authenticator]:
    return Authenticator.objects.filter(user_id=user_id, type=_Type.TOTP)


def note_authenticator(user_id: UUID, *, type_: str, added: bool) -> None:
    """Record that allauth added or removed an authenticator, and notify the user."""
    if (type_, added) in _NOTED:
        action, notice = _NOTED[type_, added]
        record(user_id, action)
        notify(user_id, notice)


def note_recovery_codes(user_id: UUID) -> None:
    """Record that allauth made new recovery codes, and notify the user."""
    record(user_id, "recovery_codes.renewed")
    notify(user_id, "recovery_codes_renewed")
