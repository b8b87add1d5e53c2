"""Tokens: forged, foreign and replayed tokens are rejected."""

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .concurrency import run_concurrently
from .drivers import Driver, Outcome, bearer
from .factories import Account, Factory, Organization
from .mailbox import Mailbox
from .problems import assert_no_internals, assert_problem
from .service import ManagedService
from .test_accounts import access_is_refused


def claims_of(token: str) -> dict[str, Any]:
    """Decode the claims without verification."""
    return jwt.decode(token, options={"verify_signature": False})


def test_access_token_verifies_against_the_published_keys(
    http: httpx2.Client, owner: Account
) -> None:
    response = http.get("/.well-known/jwks.json")
    assert response.status_code == 200
    keys = jwt.PyJWKSet.from_dict(response.json())
    for key in response.json()["keys"]:
        assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
        assert key["kid"]
        assert "d" not in key, "expected no private key in the JWKS"
    token = owner.new_session().access
    header = jwt.get_unverified_header(token)
    assert header["alg"] == "EdDSA"
    assert header["typ"].lower() == "at+jwt"
    unchecked = claims_of(token)
    claims = jwt.decode(
        token,
        keys[header["kid"]],
        algorithms=["EdDSA"],
        audience=unchecked["aud"],
        issuer=unchecked["iss"],
        options={"require": ["iss", "aud", "sub", "sid", "jti", "iat", "exp"]},
    )
    assert claims["sub"] == owner.id
    assert claims["exp"] - claims["iat"] == 600
    assert not {"role", "roles", "scope", "email"} & set(claims)


def test_tokens_survive_key_rotation(
    managed_service: ManagedService, http: httpx2.Client, owner: Account
) -> None:
    kids = [key["kid"] for key in http.get("/.well-known/jwks.json").json()["keys"]]
    assert len(set(kids)) == len(managed_service.jwt_seeds) == 2
    # In the middle of a rotation the order of the keys differs; existing tokens stay valid.
    rotated = ",".join(reversed(managed_service.jwt_seeds))
    with managed_service.web_process(JWT_KEYS=rotated) as web:
        assert {key["kid"] for key in web.http.get("/.well-known/jwks.json").json()["keys"]} == set(
            kids
        )
        assert web.http.get("/api/v1/me", headers=bearer(owner.access())).status_code == 200


def test_token_signed_by_the_older_key_is_accepted(
    managed_service: ManagedService, owner: Account
) -> None:
    token = owner.new_session().access
    header, claims = jwt.get_unverified_header(token), claims_of(token)
    http = owner.driver.http
    jwks = http.get("/.well-known/jwks.json").json()["keys"]
    (older,) = [key["kid"] for key in jwks if key["kid"] != header["kid"]]
    resigned = managed_service.sign(claims, {**header, "kid": older}, key=1)
    assert http.get("/api/v1/me", headers=bearer(resigned)).status_code == 200


def _raw(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_forged_access_tokens_are_rejected(
    http: httpx2.Client, managed_service: ManagedService, owner: Account
) -> None:
    token = owner.new_session().access
    header, claims = jwt.get_unverified_header(token), claims_of(token)
    now = int(time.time())
    # Control: unchanged claims signed by this test are accepted.
    assert not access_is_refused(owner.driver, managed_service.sign(claims, header))

    jwk = http.get("/.well-known/jwks.json").json()["keys"][0]
    public = jwt.PyJWK(jwk).key
    public_pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public_raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    stranger = Ed25519PrivateKey.generate()
    stranger_jwk = jwt.algorithms.OKPAlgorithm.to_jwk(stranger.public_key(), as_dict=True)

    def signed(**changes: Any) -> str:
        return managed_service.sign({**claims, **changes}, header)

    def without(claim: str) -> str:
        return managed_service.sign({k: v for k, v in claims.items() if k != claim}, header)

    def hs256(secret: bytes) -> str:
        unsigned = _raw({**header, "alg": "HS256"}, claims).rsplit(".", 1)[0]
        mac = jwt.get_algorithm_by_name("HS256").sign(unsigned.encode(), secret)
        return f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    foreign = str(uuid.uuid4())
    forged = {
        "alg none": _raw({**header, "alg": "none"}, claims),
        "alg None": _raw({**header, "alg": "None"}, claims, b"x"),
        "alg missing": _raw({"kid": header["kid"], "typ": "at+jwt"}, claims, b"x"),
        "alg a number": _raw({**header, "alg": 1}, claims, b"x"),
        "HS256 with the public key": hs256(public_raw),
        "HS256 with the public key as PEM": hs256(public_pem),
        "HS256 with nothing": hs256(b""),
        "no signature": token.rsplit(".", 1)[0] + ".",
        "other signature": token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB"),
        "other key": jwt.encode(claims, stranger, algorithm="EdDSA", headers=header),
        "own key in the header": jwt.encode(
            claims, stranger, algorithm="EdDSA", headers={**header, "jwk": stranger_jwk}
        ),
        "key address in the header": jwt.encode(
            claims, stranger, algorithm="EdDSA", headers={**header, "jku": "http://127.0.0.1:1/"}
        ),
        "unknown kid": managed_service.sign(claims, {**header, "kid": "unknown"}),
        "kid with a path": managed_service.sign(claims, {**header, "kid": "../../dev/null"}),
        "no kid": managed_service.sign(claims, {"typ": "at+jwt"}),
        "typ JWT": managed_service.sign(claims, {**header, "typ": "JWT"}),
        "no typ": managed_service.sign(claims, {**header, "typ": None}),
        "expired": signed(iat=now - 700, exp=now - 100),
        "not yet": signed(nbf=now + 3600),
        "made in the future": signed(iat=now + 3600, exp=now + 4200),
        "other audience": signed(aud="https://other.example"),
        "audience list": signed(aud=["https://other.example"]),
        "other issuer": signed(iss="https://other.example"),
        "other subject": signed(sub=foreign),
        "subject no id": signed(sub="admin"),
        "subject a number": signed(sub=1),
        "other session": signed(sid=foreign),
        "session no id": signed(sid="x"),
        "session null": signed(sid=None),
        "session with NUL": signed(sid="\x00"),
        "exp text": signed(exp="never"),
        "claims a list": managed_service.sign_payload(b"[]", header),
        "claims no JSON": managed_service.sign_payload(b"{", header),
        "crit": managed_service.sign(claims, {**header, "crit": ["x"], "x": 1}),
        **{f"no {claim}": without(claim) for claim in ("exp", "sub", "sid", "aud", "iss")},
    }
    accepted = []
    for name, attempt in forged.items():
        response = http.get("/api/v1/me", headers=bearer(attempt))
        if response.status_code == 200:
            accepted.append(name)
            continue
        assert response.status_code == 401, (name, response.text)
        assert_problem(response, 401, "unauthenticated")
        assert_no_internals(response)
    assert accepted == []


def test_access_token_is_accepted_in_the_bearer_header_only(
    http: httpx2.Client, owner: Account
) -> None:
    token = owner.access()
    for answer in (
        http.get(f"/api/v1/me?access_token={token}"),
        http.get("/api/v1/me", headers={"Cookie": f"access_token={token}; session={token}"}),
        http.get("/api/v1/me", headers={"Authorization": f"Token {token}"}),
        http.get("/api/v1/me", headers={"Authorization": token}),
        http.get("/api/v1/me", headers={"X-API-Key": token}),
    ):
        assert_problem(answer, 401, "unauthenticated")


def test_token_kinds_are_not_interchangeable(
    factory: Factory, organization: Organization, driver: Driver, mailbox: Mailbox
) -> None:
    account = factory.register("confused")
    tokens = account.new_session()
    pending = factory.address("pending")
    password = factory.password()
    driver.sign_up(pending, password, "Pending")
    driver.forgot(account.email)
    kinds = {
        "access": tokens.access,
        "refresh": tokens.refresh,
        "verification": mailbox.token("verify-email", pending),
        "reset": mailbox.token("reset-password", account.email),
        "invitation": factory.invite(organization, account.email, "viewer"),
        "api key": organization.key("projects:read")["key"],
    }
    http = driver.http
    me = bearer(tokens.access)

    def accept(token: str) -> httpx2.Response:
        return http.post("/api/v1/invitations/accept", json={"token": token}, headers=me)

    uses: dict[str, Callable[[str], httpx2.Response]] = {
        "access": lambda token: http.get("/api/v1/me", headers=bearer(token)),
        "refresh": lambda token: driver.refresh(token).response,
        "verification": lambda token: driver.verify(token).response,
        "reset": lambda token: driver.reset(token, factory.password()).response,
        "invitation": accept,
        "api key": lambda token: http.get(f"{organization.path}/projects", headers=bearer(token)),
    }
    for use, attempt in uses.items():
        for kind, token in {**kinds, "nothing": "x", "much": "A" * 3000, "nul": "\x00"}.items():
            # NUL is invalid in HTTP headers.
            if kind == use or (kind == "nul" and use in ("access", "api key")):
                continue
            if (use, kind) == ("api key", "access"):
                # A valid token of a user who is no member: 404.
                assert_problem(attempt(token), 404, "not-found")
                continue
            # /me recognises an API key, and rejects it with 403.
            allowed = (401, 403) if (use, kind) == ("access", "api key") else (401, 404, 422)
            response = attempt(token)
            assert response.status_code in allowed, (use, kind, response.text)
            assert_problem(response, allowed)
    # The attempts consumed no token.
    for kind in ("access", "refresh", "verification", "invitation", "api key"):
        assert uses[kind](kinds[kind]).is_success, kind
    assert uses["reset"](kinds["reset"]).is_success


def test_refresh_rotates_the_tokens(factory: Factory, driver: Driver) -> None:
    account = factory.register()
    first = account.new_session()
    second = driver.refresh(first.refresh).require_tokens()
    assert second.refresh != first.refresh
    assert second.access != first.access
    assert second.expires_in == 600
    assert claims_of(second.access)["sid"] == claims_of(first.access)["sid"]
    # The old access token stays valid: it belongs to the same session.
    assert not access_is_refused(driver, first.access)
    assert len(driver.sessions(second.access)) == 1


def test_replayed_refresh_token_ends_the_session(factory: Factory, driver: Driver) -> None:
    account = factory.register()
    first = account.new_session()
    other = account.new_session()
    results = run_concurrently([lambda: driver.refresh(first.refresh)] * 8)
    winners = [result for result in results if result.ok]
    assert len(winners) == 1
    assert all(r.outcome is Outcome.REFUSED for r in results if r not in winners)
    assert all(r.response.status_code == 401 for r in results if r not in winners)

    # Within 10 s of the rotation a reused token is rejected without ending the session (two tabs).
    second = winners[0].require_tokens()
    assert not access_is_refused(driver, second.access)
    third = driver.refresh(second.refresh).require_tokens()
    assert driver.refresh(second.refresh).outcome is Outcome.REFUSED
    assert not access_is_refused(driver, third.access)

    time.sleep(11)
    # After 10 s a reused token counts as stolen (RFC 9700, section 4.14.2): the session ends.
    assert driver.refresh(first.refresh).outcome is Outcome.REFUSED
    assert access_is_refused(driver, third.access)
    assert driver.refresh(third.refresh).outcome is Outcome.REFUSED
    assert not access_is_refused(driver, other.access)


@pytest.mark.parametrize("token", ["", "x", "\x00", "A" * 43, "A" * 10_000, "é"])
def test_invalid_refresh_tokens_are_rejected(driver: Driver, token: str) -> None:
    assert_problem(driver.refresh(token).response, (401, 422))
