"""Sign-in with an OpenID provider; the provider is replaced inside the HTTP transport."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from httpx2 import AsyncClient, Response
from pydantic import SecretStr

from app.accounts import service
from app.core.security import oidc
from app.settings import OidcProvider, settings
from tests.accounts.account_client import OTHER_PASSWORD, Account, AccountClient, Mailbox
from tests.accounts.flows import enable_totp, reset, verify
from tests.database import open_unit_of_work
from tests.factories import Factory

ISSUER = "https://id.example.com"
CALLBACK = "http://localhost:8000/api/v1/auth/oidc/test/callback"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """A strict OpenID provider: `identity` are its claims, `overrides` what it gets wrong."""

    def __init__(self) -> None:
        self.identity: dict[str, Any] = {
            "sub": "subject-1",
            "email": "Grace@example.com",
            "email_verified": True,
            "name": "Grace Hopper",
        }
        self.overrides: dict[str, Any] = {}
        self.is_down = False
        self._authorization: dict[str, str] = {}

    def authorize(self, url: str) -> str:
        """Check the authorization request, and return its `state`."""
        parts = urlsplit(url)
        assert url.startswith(f"{ISSUER}/authorize?")
        self._authorization = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert self._authorization["redirect_uri"] == CALLBACK
        assert self._authorization["response_type"] == "code"
        assert self._authorization["code_challenge_method"] == "S256"
        assert set(self._authorization["scope"].split()) == {"openid", "email", "profile"}
        assert len(self._authorization["nonce"]) >= 20
        return self._authorization["state"]

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        if self.is_down:
            raise httpx2.ConnectError("refused")
        match request.url.path:
            case "/.well-known/openid-configuration":
                return httpx2.Response(200, json=self._metadata())
            case "/jwks":
                jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
                return httpx2.Response(200, json={"keys": [jwk | {"kid": "one"}]})
            case "/token":
                return self._token(parse_qs((await request.aread()).decode()))
        return httpx2.Response(404)

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }

    def _token(self, form: dict[str, list[str]]) -> httpx2.Response:
        if form["code"] != ["right"]:
            return httpx2.Response(400, json={"error": "invalid_grant"})
        challenge = urlsafe_b64encode(sha256(form["code_verifier"][0].encode()).digest())
        assert challenge.rstrip(b"=").decode() == self._authorization["code_challenge"]
        assert form["redirect_uri"] == [CALLBACK]
        if "token" in self.overrides:
            return httpx2.Response(*self.overrides["token"])
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "client",
            "iat": now,
            "exp": now + 60,
            "nonce": self._authorization["nonce"],
            **self.identity,
            **self.overrides,
        }
        key, algorithm = claims.pop("signed", (KEY, "RS256"))
        claims = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(claims, key, algorithm, headers={"kid": "one"})
        response = {"access_token": "x", "token_type": "Bearer", "id_token": token}
        return httpx2.Response(200, json=response)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    made = Provider()

    async def handle(_: object, request: httpx2.Request) -> httpx2.Response:
        response = await made.handle(request)
        response.request = request
        return response

    providers = {
        "test": OidcProvider(issuer=ISSUER, client_id="client", client_secret=SecretStr("s" * 40))
    }
    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", handle)
    monkeypatch.setattr(oidc, "settings", settings.model_copy(update={"oidc_providers": providers}))
    oidc._client.cache_clear()
    yield made
    oidc._client.cache_clear()


async def _start(client: AsyncClient, provider: Provider, query: str = "") -> tuple[str, str]:
    """Start a sign-in; return the state and the cookie."""
    response = await client.get(f"/api/v1/auth/oidc/test{query}")
    assert response.status_code == 302, response.text
    cookie, *attributes = response.headers["set-cookie"].split("; ")
    assert cookie.startswith("__Host-oidc=")
    assert {"httponly", "secure", "path=/", "samesite=lax"} <= {item.lower() for item in attributes}
    client.cookies.clear()
    return provider.authorize(response.headers["location"]), cookie


async def _finish(client: AsyncClient, cookie: str, name: str = "test", **query: str) -> Response:
    return await client.get(
        f"/api/v1/auth/oidc/{name}/callback", params=query, headers={"Cookie": cookie}
    )


async def _sign_in(client: AsyncClient, provider: Provider) -> Response:
    state, cookie = await _start(client, provider)
    return await _finish(client, cookie, state=state, code="right")


async def _me(client: AsyncClient, response: Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    headers = {"Authorization": f"Bearer {response.json()['access_token']}"}
    me: dict[str, Any] = (await client.get("/api/v1/me", headers=headers)).json()
    return me


async def test_first_sign_in_creates_the_account(
    client: AsyncClient, account_client: AccountClient, provider: Provider
) -> None:
    response = await _sign_in(client, provider)
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert response.headers["cache-control"] == "no-store"
    me = await _me(client, response)
    assert (me["email"], me["name"]) == ("grace@example.com", "Grace Hopper")
    assert me["has_password"] is False
    assert (await account_client.sign_in("grace@example.com")).status_code == 401
    # The subject identifies the account, also when the address changes at the provider.
    provider.identity["email"] = "hopper@example.com"
    assert (await _me(client, await _sign_in(client, provider)))["id"] == me["id"]


async def test_cookie_transport_sets_a_session_cookie(
    client: AsyncClient, provider: Provider
) -> None:
    state, cookie = await _start(client, provider, "?transport=cookie")
    response = await _finish(client, cookie, state=state, code="right")
    assert (response.status_code, response.content) == (302, b"")
    assert response.headers["location"] == settings.app_url
    cleared, session = sorted(response.headers.get_list("set-cookie"))
    assert cleared.startswith("__Host-oidc=")
    assert "Max-Age=0" in cleared
    client.cookies.clear()
    headers = {"Cookie": session.split(";")[0]}
    me = await client.get("/api/v1/me", headers=headers)
    assert me.json()["email"] == "grace@example.com"


async def test_verified_address_is_linked_to_the_verified_account(
    client: AsyncClient,
    account_client: AccountClient,
    provider: Provider,
    mailbox: Mailbox,
    account: Account,
) -> None:
    provider.identity["email"] = account.email
    me = await _me(client, await _sign_in(client, provider))
    assert me["id"] == str(account.id)
    assert (await account_client.sign_in(account.email)).status_code == 200
    assert len(await mailbox.subjects(account.email)) == 1


@pytest.mark.parametrize("verified", [False, None, "false", "yes", 0, []])
async def test_unverified_address_is_rejected(
    client: AsyncClient, provider: Provider, account: Account, verified: object
) -> None:
    for email in (account.email, "new@example.com"):
        provider.identity |= {"email": email, "email_verified": verified}
        assert (await _sign_in(client, provider)).status_code == 401


async def test_earlier_sign_up_does_not_set_the_password_of_the_account(
    client: AsyncClient, account_client: AccountClient, provider: Provider, mailbox: Mailbox
) -> None:
    await account_client.sign_up("grace@example.com", OTHER_PASSWORD, "Mallory")
    (token,) = await mailbox.tokens("verify-email", "grace@example.com")
    me = await _me(client, await _sign_in(client, provider))
    assert me["name"] == "Grace Hopper"
    assert (await verify(account_client, token)).status_code == 422
    assert (await account_client.sign_in("grace@example.com", OTHER_PASSWORD)).status_code == 401


async def test_identity_is_not_linked_to_an_account_with_a_second_factor(
    client: AsyncClient,
    account_client: AccountClient,
    provider: Provider,
    account: Account,
    factory: Factory,
) -> None:
    access, _ = await account_client.tokens(account.email)
    await enable_totp(account_client, access)
    provider.identity["email"] = account.email
    assert (await _sign_in(client, provider)).status_code == 403
    assert await factory.count("identities") == 0


async def test_disabled_account_is_rejected(client: AsyncClient, provider: Provider) -> None:
    me = await _me(client, await _sign_in(client, provider))
    async with open_unit_of_work() as unit:
        await unit.call(service.disable_user, user_id=me["id"])
    assert (await _sign_in(client, provider)).status_code == 401


@pytest.mark.parametrize(
    "overrides",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 256},
        {"sub": "nul\x00"},
        {"email": None},
        {"email": "no address"},
        {"email": ["a@example.com"]},
        {"signed": ("", "none")},
        {"signed": ("s" * 40, "HS256")},
        {"signed": (rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")},
        {"token": (400, {}, b'{"error": "invalid_grant"}')},
        {"token": (200, {}, b"no json")},
        {"token": (200, {}, b"[]")},
        {"token": (200, {}, b'{"access_token": "x"}')},
        {"token": (200, {}, b'{"access_token": "x", "id_token": "a.b.c"}')},
        {"token": (200, {}, b'{"access_token": "x", "id_token": 5}')},
    ],
    ids=lambda overrides: str(overrides)[:60],
)
async def test_invalid_provider_responses_are_rejected(
    client: AsyncClient, provider: Provider, overrides: dict[str, Any]
) -> None:
    provider.overrides = overrides
    response = await _sign_in(client, provider)
    assert response.status_code == 401, response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", [None, "", "x" * 500, "nul\x00", 5])
async def test_unusable_name_is_replaced(
    client: AsyncClient, provider: Provider, name: object
) -> None:
    provider.identity["name"] = name
    me = await _me(client, await _sign_in(client, provider))
    assert me["name"] == "grace"


async def test_callback_requires_the_state_and_cookie_of_its_browser(
    client: AsyncClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, cookie = await _start(client, provider)
    other_state, other_cookie = await _start(client, provider)
    for bad_cookie, query in (
        ("", {"state": state, "code": "right"}),
        ("__Host-oidc=x", {"state": state, "code": "right"}),
        (other_cookie, {"state": state, "code": "right"}),
        (cookie, {"state": other_state, "code": "right"}),
        (cookie, {"code": "right"}),
        (cookie, {"state": "", "code": "right"}),
        (cookie, {"state": "é", "code": "right"}),
        (cookie, {"state": state}),
        (cookie, {"state": state, "error": "access_denied"}),
        (cookie, {"state": state, "code": "wrong"}),
        (cookie, {"state": state, "code": "right", "iss": "https://evil.example"}),
    ):
        assert (await _finish(client, bad_cookie, **query)).status_code == 401, query
    assert (await _finish(client, cookie, "other", state=state, code="right")).status_code == 401
    late = time.time() + oidc.LIFETIME_SECONDS + 1
    monkeypatch.setattr("app.core.security.oidc.time.time", lambda: late)
    assert (await _finish(client, cookie, state=state, code="right")).status_code == 401


async def test_unknown_provider_is_404_and_unreachable_provider_is_503(
    client: AsyncClient, provider: Provider
) -> None:
    assert (await client.get("/api/v1/auth/oidc/unknown")).status_code == 404
    state, cookie = await _start(client, provider)
    provider.is_down = True
    assert (await _finish(client, cookie, state=state, code="right")).status_code == 503
    oidc._client.cache_clear()
    assert (await client.get("/api/v1/auth/oidc/test")).status_code == 503


async def test_account_of_a_provider_can_set_a_password_by_reset(
    client: AsyncClient, account_client: AccountClient, provider: Provider, mailbox: Mailbox
) -> None:
    await _sign_in(client, provider)
    await account_client.forgot("grace@example.com")
    (token,) = await mailbox.tokens("reset-password", "grace@example.com")
    await reset(account_client, token)
    assert (await account_client.sign_in("grace@example.com")).status_code == 200
