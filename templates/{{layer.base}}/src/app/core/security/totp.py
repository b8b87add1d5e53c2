"""Time-based one-time codes (RFC 6238) and the recovery codes that stand in for them."""

import hmac
import secrets
import time
from uuid import UUID

import pyotp

from app.core import crypto

_STEP_SECONDS = 30
_DIGITS = 6
# Crockford's alphabet, in lower case: no i, l, o, u to mistake for another character.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RECOVERY_CODES = 10
_RECOVERY_CHARACTERS = 10


def new_secret() -> str:
    """Make a TOTP secret of 160 bits, in base32."""
    return pyotp.random_base32()


def otpauth_uri(secret: str, *, account: str, issuer: str) -> str:
    """Make the URI that authenticator apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def accepted_step(secret: str, code: str, *, last_step: int | None) -> int | None:
    """Find the time step that `code` belongs to; None when it is refused.

    Clocks may differ by one step. The caller stores the step and passes it as `last_step`
    next time: a code works once, and no older one works after it.
    """
    if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
        return None
    totp = pyotp.TOTP(secret, digits=_DIGITS, interval=_STEP_SECONDS)
    now = int(time.time()) // _STEP_SECONDS
    # Every candidate is compared, so that the time taken does not tell which one fits.
    fitting = [
        step
        for step in (now - 1, now, now + 1)
        if hmac.compare_digest(totp.generate_otp(step), code)
    ]
    return next((step for step in fitting if last_step is None or step > last_step), None)


def new_recovery_codes() -> list[str]:
    """Make ten single-use codes that a person can type: `k3v9x-0p2mz`."""
    codes = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_CHARACTERS))
        for _ in range(_RECOVERY_CODES)
    )
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def hash_recovery_code(user_id: UUID, code: str) -> bytes:
    """Hash a recovery code for storage and look-up; hyphens, spaces and case do not count.

    The code has 50 bits, few enough to guess from a plain hash: so the hash is keyed.
    """
    normalised = "".join(code.split()).replace("-", "").lower()
    return crypto.mac("recovery-code", user_id.bytes + normalised.encode())
