import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

from app.core import crypto
from app.core.errors import Unauthenticated
from app.core.security import access_tokens, tokens
from app.settings import settings

USER, SESSION = uuid4(), uuid4()
SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(b"1" * 32)


def _seed(character: bytes) -> SecretStr:
    return SecretStr(urlsafe_b64encode(character * 32).decode())


@contextmanager
def _configured(**changes: Any) -> Iterator[None]:
    with patch.object(access_tokens, "settings", settings.model_copy(update=changes)):
        yield


@pytest.fixture(autouse=True)
def _keys() -> Iterator[None]:
    with _configured(jwt_keys=(_seed(b"1"), _seed(b"2"))):
        yield


def _claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    claims = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": str(USER),
        "sid": str(SESSION),
        "jti": "1",
        "iat": now,
        "exp": now + timedelta(minutes=1),
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def _signed(claims: dict[str, Any], key: Any = SIGNING_KEY, alg: str = "EdDSA", **head: Any) -> str:
    kid = access_tokens.jwks()["keys"][0]["kid"]
    return jwt.encode(claims, key, alg, headers={"typ": "at+jwt", "kid": kid} | head)


def test_round_trip() -> None:
    token = access_tokens.issue(user_id=USER, session_id=SESSION)
    assert access_tokens.read(token) == access_tokens.Claims(USER, SESSION)
    assert len(token) < 1_000


def test_token_has_the_documented_header_and_claims() -> None:
    token = access_tokens.issue(user_id=USER, session_id=SESSION)
    header = jwt.get_unverified_header(token)
    kid = access_tokens.jwks()["keys"][0]["kid"]
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": kid}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == {"iss", "aud", "sub", "sid", "jti", "iat", "exp"}
    assert claims["exp"] - claims["iat"] == 600


def test_tokens_issued_in_the_same_second_differ() -> None:
    one, two = (access_tokens.issue(user_id=USER, session_id=SESSION) for _ in range(2))
    assert one != two


def test_token_verifies_with_the_published_keys() -> None:
    token = access_tokens.issue(user_id=USER, session_id=SESSION)
    published = {key["kid"]: jwt.PyJWK(key) for key in access_tokens.jwks()["keys"]}
    claims = jwt.decode(
        token,
        published[jwt.get_unverified_header(token)["kid"]],
        algorithms=["EdDSA"],
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
    )
    assert claims["sub"] == str(USER)


def test_jwks_contains_no_private_key() -> None:
    keys = access_tokens.jwks()["keys"]
    assert len(keys) == 2
    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg"} for key in keys)


def test_key_id_is_the_rfc_8037_thumbprint() -> None:
    # The example of RFC 8037, appendices A.1 to A.3.
    seed = SecretStr("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    with _configured(jwt_keys=(seed,)):
        assert access_tokens.jwks()["keys"][0] == {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "use": "sig",
            "alg": "EdDSA",
        }


def test_tokens_of_the_previous_key_stay_valid_after_rotation() -> None:
    with _configured(jwt_keys=(_seed(b"2"),)):
        previous = access_tokens.issue(user_id=USER, session_id=SESSION)
    assert access_tokens.read(previous).user_id == USER
    with _configured(jwt_keys=(_seed(b"3"),)), pytest.raises(Unauthenticated):
        access_tokens.read(previous)


def test_without_keys_one_is_derived_from_the_secret_key() -> None:
    with _configured(jwt_keys=()):
        token = access_tokens.issue(user_id=USER, session_id=SESSION)
        assert access_tokens.read(token).session_id == SESSION
        assert len(access_tokens.jwks()["keys"]) == 1


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
def test_every_claim_is_required(name: str) -> None:
    access_tokens.read(_signed(_claims()))
    with pytest.raises(Unauthenticated):
        access_tokens.read(_signed(_claims(**{name: None})))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-service"},
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"iat": datetime(2099, 1, 1, tzinfo=UTC)},
        {"nbf": datetime(2099, 1, 1, tzinfo=UTC)},
        {"sub": "not-a-uuid"},
        {"sid": 7},
        {"sid": "x"},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_wrong_claims_are_rejected(changes: dict[str, Any]) -> None:
    if changes.get("sub") or isinstance(changes.get("exp"), str):
        token = jwt.PyJWS().encode(
            json.dumps(_claims() | changes, default=lambda when: int(when.timestamp())).encode(),
            SIGNING_KEY,
            "EdDSA",
            headers={"typ": "at+jwt", "kid": access_tokens.jwks()["keys"][0]["kid"]},
        )
    else:
        token = _signed(_claims(**changes))
    with pytest.raises(Unauthenticated):
        access_tokens.read(token)


def _forgeries() -> Iterator[tuple[str, str]]:
    public = SIGNING_KEY.public_key()
    with _configured(jwt_keys=(_seed(b"1"), _seed(b"2"))):
        yield "no signature", jwt.encode(_claims(), "", "none", headers={"typ": "at+jwt"})
        kid = access_tokens.jwks()["keys"][0]["kid"]
        head = {"typ": "at+jwt", "kid": kid}
        yield "none with kid", jwt.encode(_claims(), "", "none", headers=head)
        # Algorithm confusion: HMAC with the public key. Raw bytes, since PyJWT refuses PEM.
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        yield "public key as HMAC secret", jwt.encode(_claims(), raw, "HS256", headers=head)
        stranger = Ed25519PrivateKey.generate()
        yield "another key", _signed(_claims(), key=stranger)
        second = Ed25519PrivateKey.from_private_bytes(b"2" * 32)
        yield "other key of ours", _signed(_claims(), key=second)
        yield "unknown kid", _signed(_claims(), kid="unknown")
        yield "no kid", jwt.encode(_claims(), SIGNING_KEY, "EdDSA", headers={"typ": "at+jwt"})
        yield "type JWT", _signed(_claims(), typ="JWT")
        yield "no type", _signed(_claims(), typ=None)
        yield "jku", _signed(_claims(), stranger, jku="https://evil.example/jwks.json")
        good = _signed(_claims())
        yield "cut", good[:-4]
        yield "no third part", good.rpartition(".")[0]
        header, body, signature = good.split(".")
        yield "changed body", f"{header}.{crypto.to_base64url(b'{}')}.{signature}"
        yield "changed header", f"{crypto.to_base64url(b'{}')}.{body}.{signature}"
        deep = crypto.to_base64url(b"[" * 40_000)
        yield "deep header", f"{deep}.{body}.{signature}"
        yield "list header", f"{crypto.to_base64url(b'[]')}.{body}.{signature}"
        listed = crypto.to_base64url(b'{"alg":"EdDSA","typ":"at+jwt","kid":[]}')
        yield "list kid", f"{listed}.{body}.{signature}"


@pytest.mark.parametrize("token", [pytest.param(token, id=name) for name, token in _forgeries()])
def test_forged_tokens_are_rejected(token: str) -> None:
    with pytest.raises(Unauthenticated):
        access_tokens.read(token)


@pytest.mark.parametrize("token", ["", ".", "..", "...", "a.b.c", "é.é.é", "\x00", "A" * 9999])
def test_malformed_token_is_rejected(token: str) -> None:
    with pytest.raises(Unauthenticated):
        access_tokens.read(token)


def test_other_kinds_of_tokens_are_rejected() -> None:
    for token in (
        crypto.new_secret(),
        tokens.sign_row_token("reset-password", USER),
        tokens.new_api_key(USER).key,
    ):
        with pytest.raises(Unauthenticated):
            access_tokens.read(token)
