"""Access tokens: short-lived JWTs (RFC 9068) that other services can verify with the JWKS.

A token names the user (`sub`) and the session (`sid`), but no roles. Each request looks up the
session and the roles, so that a revocation takes effect at once.
"""

import hashlib
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.core import crypto
from app.core.errors import Unauthenticated
from app.core.ids import uuid7
from app.settings import settings

LIFETIME = timedelta(minutes=10)

_ALGORITHM = "EdDSA"
_TYPE = "at+jwt"
_CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "exp"]
# The service issues tokens of about 600 characters. Longer ones are rejected before parsing.
_MAX_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a valid access token that the service uses."""

    user_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class _Key:
    private: Ed25519PrivateKey
    jwk: Mapping[str, str]


@lru_cache(maxsize=4)
def _load(seeds: tuple[bytes, ...]) -> dict[str, _Key]:
    keys: dict[str, _Key] = {}
    for seed in seeds:
        private = Ed25519PrivateKey.from_private_bytes(seed)
        x = crypto.to_base64url(private.public_key().public_bytes_raw())
        required = {"crv": "Ed25519", "kty": "OKP", "x": x}
        # JWK thumbprint (RFC 7638): the hash of the required members, sorted, without spaces.
        canonical = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
        kid = crypto.to_base64url(hashlib.sha256(canonical).digest())
        keys[kid] = _Key(private, {**required, "kid": kid, "use": "sig", "alg": _ALGORITHM})
    return keys


def _keys() -> dict[str, _Key]:
    """Return the keys by `kid`; the first one signs, all of them verify."""
    texts = [key.get_secret_value() for key in settings.jwt_keys]
    seeds = [urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in texts]
    return _load(tuple(seeds or [crypto.derive_key("jwt-ed25519")]))


def issue(*, user_id: UUID, session_id: UUID) -> str:
    now = datetime.now(UTC)
    claims = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": str(user_id),
        "sid": str(session_id),
        "jti": str(uuid7()),
        "iat": now,
        "exp": now + LIFETIME,
    }
    kid, key = next(iter(_keys().items()))
    return jwt.encode(claims, key.private, _ALGORITHM, headers={"typ": _TYPE, "kid": kid})


def read(token: str) -> Claims:
    """Verify an access token; Unauthenticated when it is invalid or expired."""
    try:
        if len(token) > _MAX_CHARACTERS:
            raise ValueError("too long")
        header = jwt.get_unverified_header(token)
        # Prevents cross-JWT confusion with other tokens of the same key (RFC 8725, section 2.8).
        if header.get("typ") != _TYPE:
            raise ValueError("not an access token")
        claims = jwt.decode(
            token,
            _keys()[header["kid"]].private.public_key(),
            algorithms=[_ALGORITHM],
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            options={"require": _CLAIMS},
        )
        return Claims(user_id=UUID(claims["sub"]), session_id=UUID(claims["sid"]))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unauthenticated("The access token is invalid or expired.") from error


def jwks() -> dict[str, list[dict[str, str]]]:
    """Return the public keys as a JWK Set (RFC 7517)."""
    return {"keys": [dict(key.jwk) for key in _keys().values()]}
