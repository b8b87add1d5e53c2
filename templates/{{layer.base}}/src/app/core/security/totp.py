"""Time-based one-time passwords (RFC 6238) and recovery codes."""

import hmac
import secrets
import time
from uuid import UUID

import pyotp

from app.core import crypto

_STEP_SECONDS = 30
_DIGITS = 6
# Crockford's Base32 alphabet in lower case, without the ambiguous i, l, o and u.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RECOVERY_CODES = 10
_RECOVERY_CHARACTERS = 10


def new_secret() -> str:
    """Return a TOTP secret of 160 bits, in base32."""
    return pyotp.random_base32()


def otpauth_uri(secret: str, *, account: str, issuer: str) -> str:
    """Return the URI that authenticator apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def accepted_step(secret: str, code: str, *, last_step: int | None) -> int | None:
    """Return the time step of `code`; None when the code is not accepted.

    Clocks may differ by one step. The caller stores the step and passes it as `last_step` for the
    next code: a code is accepted once, and older codes are not accepted after it.
    """
    if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
        return None
    totp = pyotp.TOTP(secret, digits=_DIGITS, interval=_STEP_SECONDS)
    now = int(time.time()) // _STEP_SECONDS
    # All candidates are compared, so that the response time does not reveal which one matches.
    matching = [
        step
        for step in (now - 1, now, now + 1)
        if hmac.compare_digest(totp.generate_otp(step), code)
    ]
    return next((step for step in matching if last_step is None or step > last_step), None)


def new_recovery_codes() -> list[str]:
    """Return ten single-use codes such as `k3v9x-0p2mz`."""
    codes = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_CHARACTERS))
        for _ in range(_RECOVERY_CODES)
    )
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def hash_recovery_code(user_id: UUID, code: str) -> bytes:
    """Return the keyed hash of a recovery code; hyphens, spaces and case are ignored.

    The code has 50 bits: a brute-force search could find it from a hash without a key.
    """
    normalised = "".join(code.split()).replace("-", "").lower()
    return crypto.mac("recovery-code", user_id.bytes + normalised.encode())
