"""API keys, and the signed tokens of links in mails."""

import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

from app.core.crypto import SECRET_BYTES, from_base64url, hash_secret, mac, to_base64url
from app.core.errors import Invalid

API_KEY_PREFIX = "sk_"
_UUID_BYTES = 16


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A new API key: `key` is shown once, `display` and `hash` are stored."""

    key: str
    display: str
    hash: bytes


def new_api_key(organization_id: UUID) -> NewApiKey:
    """Return an API key that contains the id of its organization.

    Row-level security hides the row of the key until the tenant is set. The id in the key is
    neither secret nor trusted: it only selects the tenant in which to look up the hash.
    """
    body = to_base64url(secrets.token_bytes(SECRET_BYTES) + organization_id.bytes)
    key = API_KEY_PREFIX + body
    # `display` reveals 48 of the 256 random bits.
    return NewApiKey(key=key, display=body[:8], hash=hash_secret(key))


def read_api_key(key: str) -> UUID | None:
    """Return the organization id in an API key; None when the text is not an API key."""
    if not key.startswith(API_KEY_PREFIX):
        return None
    try:
        raw = from_base64url(key.removeprefix(API_KEY_PREFIX))
    except ValueError:
        return None
    organization_id = raw[SECRET_BYTES:]
    return UUID(bytes=organization_id) if len(organization_id) == _UUID_BYTES else None


# Row tokens, for links in mails: a row id and its MAC. They are computed and not stored, so a retry
# of a mail job writes the same link. Expiry and single use are columns of the row.


def sign_row_token(purpose: str, row_id: UUID) -> str:
    """Return the token of a row, valid for one purpose."""
    return _sign(purpose, row_id.bytes)


def read_row_token(purpose: str, token: str) -> UUID:
    """Return the row id; Invalid when the signature is not valid for this purpose."""
    return UUID(bytes=_verify(purpose, token, _UUID_BYTES))


def sign_tenant_row_token(purpose: str, organization_id: UUID, row_id: UUID) -> str:
    """Return the token of an organization's row, with both ids."""
    return _sign(purpose, organization_id.bytes + row_id.bytes)


def read_tenant_row_token(purpose: str, token: str) -> tuple[UUID, UUID]:
    """Return (organization id, row id); Invalid when the signature is not valid."""
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
    """Return the same error for a forged, used or expired token."""
    return Invalid(
        pointer="/token", code="invalid_token", detail="The token is invalid, used or expired."
    )
