"""MAC and encryption with keys derived from `SECRET_KEY`, and random secrets.

Each purpose has its own key (HKDF, RFC 5869), so that a value signed or encrypted for one purpose
is rejected for every other. Random secrets carry 256 bits, so SHA-256 is enough to store them; a
password needs Argon2 instead (`app.core.security.passwords`).
"""

import binascii
import hashlib
import hmac
import os
import secrets
from base64 import b64decode, urlsafe_b64encode
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.settings import settings

_NONCE_BYTES = 12
SECRET_BYTES = 32


@lru_cache(maxsize=64)
def _derive(secret: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)


def derive_key(purpose: str) -> bytes:
    """Derive the 32-byte key of one purpose from `SECRET_KEY`."""
    return _derive(settings.secret_key.get_secret_value().encode(), purpose)


def mac(purpose: str, message: bytes) -> bytes:
    """Return the HMAC-SHA256 of `message` for one purpose."""
    return hmac.digest(derive_key(purpose), message, "sha256")


def to_base64url(raw: bytes) -> str:
    """Encode as base64url without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Decode; ValueError for any text that `to_base64url` would not return."""
    try:
        raw = b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64url") from error
    if to_base64url(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


# Random secrets: refresh tokens, session cookies, API keys.


def new_secret() -> str:
    """Return an opaque token of 256 random bits."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_secret(secret: str) -> bytes:
    """Hash a random secret (SHA-256) for storage and look-up; not for passwords."""
    return hashlib.sha256(secret.encode()).digest()


# Encryption at rest, of values that must be read again: TOTP secrets, stored responses.


def encrypt(purpose: str, plain: bytes) -> bytes:
    """Encrypt for one purpose (AES-256-GCM); the random nonce comes first in the result."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(derive_key(f"encrypt:{purpose}")).encrypt(nonce, plain, None)


def decrypt(purpose: str, encrypted: bytes) -> bytes:
    """Decrypt; ValueError when the text is modified or of another purpose or key."""
    nonce, body = encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:]
    if len(nonce) < _NONCE_BYTES:
        raise ValueError("too short to be encrypted text")
    try:
        return AESGCM(derive_key(f"encrypt:{purpose}")).decrypt(nonce, body, None)
    except InvalidTag as error:
        raise ValueError("not encrypted here for this purpose") from error
