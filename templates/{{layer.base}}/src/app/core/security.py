"""Keys and opaque tokens: everything here is derived from, or checked with, one secret.

Each use has its own key (HKDF), so that what one part of the service signs means nothing to
another. Opaque secrets carry 256 random bits; only their SHA-256 is stored, which is enough
for that much entropy (a password needs Argon2 instead, see `app.core.passwords`).
"""

import binascii
import hashlib
import hmac
import os
import secrets
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.core.errors import Invalid
from app.settings import settings

API_KEY_PREFIX = "sk_"
_NONCE_BYTES = 12
_SECRET_BYTES = 32
_UUID_BYTES = 16


@lru_cache(maxsize=64)
def _derive(secret: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)


def derive_key(purpose: str) -> bytes:
    """Make the 32-byte key of one purpose from the secret key of the service."""
    return _derive(settings.secret_key.get_secret_value().encode(), purpose)


def mac(purpose: str, message: bytes) -> bytes:
    """Authenticate `message` for one purpose (HMAC-SHA256)."""
    return hmac.digest(derive_key(purpose), message, "sha256")


def to_base64url(raw: bytes) -> str:
    """Encode for URLs and JSON, without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Decode what `to_base64url` made and nothing else; ValueError for any other text."""
    try:
        raw = b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64url") from error
    if to_base64url(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


# Random secrets: refresh tokens, cookies, API keys.


def new_secret() -> str:
    """Make an opaque token of 256 random bits."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def hash_secret(secret: str) -> bytes:
    """Hash a random secret for storage and look-up; not for passwords."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A fresh API key: `key` is shown once, `display` and `hash` are kept."""

    key: str
    display: str
    hash: bytes


def new_api_key(organization_id: UUID) -> NewApiKey:
    """Make an API key that names its organization.

    The tenant must be known before the look-up, since row-level security hides every row
    until then. The id is no secret and not trusted: it only says where to look for the hash.
    """
    body = to_base64url(secrets.token_bytes(_SECRET_BYTES) + organization_id.bytes)
    key = API_KEY_PREFIX + body
    # The first 8 characters are of the random part: 208 unknown bits remain.
    return NewApiKey(key=key, display=body[:8], hash=hash_secret(key))


def read_api_key(key: str) -> UUID | None:
    """Read the organization that an API key claims; None when it is not shaped like a key."""
    if not key.startswith(API_KEY_PREFIX):
        return None
    try:
        raw = from_base64url(key.removeprefix(API_KEY_PREFIX))
    except ValueError:
        return None
    organization_id = raw[_SECRET_BYTES:]
    return UUID(bytes=organization_id) if len(organization_id) == _UUID_BYTES else None


# Row tokens: links in mails. They are computed from the id of the row that makes them valid
# and never stored, so a mail job can write the same link again when it is retried. Expiry and
# single use are columns of that row.


def sign_row_token(purpose: str, row_id: UUID) -> str:
    """Make the token of one row, good for one purpose."""
    return _sign(purpose, row_id.bytes)


def read_row_token(purpose: str, token: str) -> UUID:
    """Read the row id of a token; Invalid when it was not signed here for this purpose."""
    return UUID(bytes=_verify(purpose, token, _UUID_BYTES))


def sign_tenant_row_token(purpose: str, organization_id: UUID, row_id: UUID) -> str:
    """Make the token of a row that belongs to an organization: it carries both ids."""
    return _sign(purpose, organization_id.bytes + row_id.bytes)


def read_tenant_row_token(purpose: str, token: str) -> tuple[UUID, UUID]:
    """Read (organization id, row id) of a token; Invalid when it was not signed here."""
    message = _verify(purpose, token, 2 * _UUID_BYTES)
    return UUID(bytes=message[:_UUID_BYTES]), UUID(bytes=message[_UUID_BYTES:])


def _sign(purpose: str, message: bytes) -> str:
    return to_base64url(message + mac(f"row-token:{purpose}", message))


def _verify(purpose: str, token: str, size: int) -> bytes:
    try:
        raw = from_base64url(token)
    except ValueError:
        raw = b""
    message, claimed = raw[:size], raw[size:]
    if not hmac.compare_digest(claimed, mac(f"row-token:{purpose}", message)):
        raise invalid_token()
    return message


def invalid_token() -> Invalid:
    """Make the one answer for a token that is wrong, used, or expired: it does not tell which."""
    return Invalid(
        pointer="/token", code="invalid_token", detail="The token is invalid, used or expired."
    )


# Encryption at rest, for what must be read again: TOTP secrets, stored answers.


def encrypt(purpose: str, plain: bytes) -> bytes:
    """Encrypt and authenticate for one purpose (AES-256-GCM, random nonce)."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(derive_key(f"encrypt:{purpose}")).encrypt(nonce, plain, None)


def decrypt(purpose: str, sealed: bytes) -> bytes:
    """Undo `encrypt`; ValueError when the text was made for another purpose or changed."""
    nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    if len(nonce) < _NONCE_BYTES:
        raise ValueError("too short to be encrypted text")
    try:
        return AESGCM(derive_key(f"encrypt:{purpose}")).decrypt(nonce, body, None)
    except InvalidTag as error:
        raise ValueError("not encrypted here for this purpose") from error
