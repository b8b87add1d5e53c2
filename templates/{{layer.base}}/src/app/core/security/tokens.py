"""Tokens that name what they are for: API keys, and the signed links in mails."""

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
    """A fresh API key: `key` is shown once, `display` and `hash` are kept."""

    key: str
    display: str
    hash: bytes


def new_api_key(organization_id: UUID) -> NewApiKey:
    """Make an API key that names its organization.

    The tenant must be known before the look-up, since row-level security hides every row
    until then. The id is no secret and not trusted: it only says where to look for the hash.
    """
    body = to_base64url(secrets.token_bytes(SECRET_BYTES) + organization_id.bytes)
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
    organization_id = raw[SECRET_BYTES:]
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
