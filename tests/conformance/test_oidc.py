"""Sign-in with an OpenID Connect provider."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from .drivers import Driver, Outcome, Result, bearer
from .factories import Factory
from .oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, running_provider
from .problems import assert_no_internals, assert_problem
from .service import ManagedService
from .test_cookies import cookie_of


@dataclass
class OidcFlow:
    """A web process configured with the test provider, and the steps of a browser."""

    driver: Driver
    provider: OidcProvider

    def start(self, *, cookie: bool = False) -> tuple[str, dict[str, str]]:
        """Begin a sign-in; return the callback URL and the cookies to send with it."""
        answer = self.driver.begin_oidc("test", cookie=cookie)
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(f"{self.provider.issuer}/authorize?")
        back = httpx2.get(answer.headers["location"]).headers["location"]
        assert self.provider.violations == []
        return back, cookies_of(answer)

    def sign_in(self) -> Result:
        """Sign in up to the callback."""
        callback, cookies = self.start()
        return self.driver.finish_oidc(callback, cookies)

    def user(self) -> dict[str, Any]:
        """Sign in; return the body of `/api/v1/me`."""
        access = self.sign_in().require_tokens().access
        me: dict[str, Any] = self.driver.http.get("/api/v1/me", headers=bearer(access)).json()
        return me


def cookies_of(answer: httpx2.Response) -> dict[str, str]:
    """Return the Cookie header for the cookies of a response."""
    cookie: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        cookie.load(header)
    pairs = [f"{name}={morsel.value}" for name, morsel in cookie.items()]
    return {"Cookie": "; ".join(pairs)} if pairs else {}


@pytest.fixture(scope="module")
def running_oidc(managed_service: ManagedService) -> Iterator[OidcFlow]:
    with running_provider() as provider:
        providers = {
            "test": {
                "issuer": provider.issuer,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            },
            "down": {
                "issuer": "http://127.0.0.1:9",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            },
        }
        with managed_service.web_process(
            OIDC_PROVIDERS=json.dumps(providers), PUBLIC_URL="self"
        ) as web:
            yield OidcFlow(managed_service.driver(web.http), provider)


@pytest.fixture
def oidc(running_oidc: OidcFlow) -> OidcFlow:
    running_oidc.provider.identity = identity()
    running_oidc.provider.faults = {}
    running_oidc.provider.violations = []
    return running_oidc


def identity(**changes: Any) -> dict[str, Any]:
    """Return the provider's claims about a new user."""
    subject = secrets.token_hex(8)
    return {
        "sub": subject,
        "email": f"{subject}@example.com",
        "email_verified": True,
        "name": "Grace Hopper",
        **changes,
    }


def test_sign_in_creates_one_account(oidc: OidcFlow) -> None:
    me = oidc.user()
    assert me["email"] == oidc.provider.identity["email"]
    assert me["name"] == "Grace Hopper"
    # A second sign-in finds the same account.
    assert oidc.user()["id"] == me["id"]
    assert oidc.provider.violations == []


def test_sign_in_can_set_a_cookie(oidc: OidcFlow) -> None:
    callback, cookies = oidc.start(cookie=True)
    answer = oidc.driver.http.get(callback, headers=cookies)
    assert answer.status_code in (200, 302, 303), answer.text
    assert "token" not in answer.text
    session = [
        header
        for header in answer.headers.get_list("set-cookie")
        if "max-age=0" not in header.lower() and "1970" not in header
    ]
    name, value = cookie_of(httpx2.Response(200, headers=[("set-cookie", session[0])]))
    me = oidc.driver.http.get("/api/v1/me", headers={"Cookie": f"{name}={value}"})
    assert me.json()["email"] == oidc.provider.identity["email"]


def test_account_is_keyed_by_issuer_and_subject(oidc: OidcFlow) -> None:
    me = oidc.user()
    # The account stays the same when the address changes at the provider.
    oidc.provider.identity["email"] = f"{secrets.token_hex(8)}@example.com"
    assert oidc.user()["id"] == me["id"]
    # Another subject is another account.
    oidc.provider.identity = {**oidc.provider.identity, **identity()}
    assert oidc.user()["id"] != me["id"]


@pytest.mark.parametrize("verified", [False, None, "false", 0])
def test_unverified_address_does_not_link_to_an_account(
    oidc: OidcFlow, factory: Factory, verified: object
) -> None:
    victim = factory.register("victim")
    oidc.provider.identity = identity(email=victim.email, email_verified=verified)
    assert oidc.sign_in().outcome is Outcome.REFUSED
    assert victim.driver.sign_in(victim.email, victim.password).ok


@pytest.mark.parametrize(
    "faults",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 5000},
        {"sub": "nul\x00"},
        {"email": None},
        {"email": "no address"},
        {"email": ["a@example.com"]},
        {"alg": "none"},
        {"alg": "HS256"},
        {"key": "foreign"},
        {"token_status": 500},
        {"token_status": 400, "token_body": {"error": "invalid_grant"}},
        {"token_body": "no json"},
        {"token_body": []},
        {"token_body": {"access_token": "x"}},
        {"token_body": {"access_token": "x", "token_type": "Bearer", "id_token": "a.b.c"}},
    ],
    ids=str,
)
def test_invalid_provider_responses_are_rejected(oidc: OidcFlow, faults: dict[str, Any]) -> None:
    oidc.provider.faults = faults
    callback, cookies = oidc.start()
    response = oidc.driver.http.get(callback, headers=cookies)
    assert_problem(response, (401, 403, 409, 422, 502, 503))
    assert_no_internals(response)


@pytest.mark.parametrize("name", [None, "", "x" * 500, "nul\x00 bell\x07", 5])
def test_unusual_names_do_not_cause_500(oidc: OidcFlow, name: object) -> None:
    oidc.provider.identity = identity(name=name)
    assert oidc.sign_in().outcome in (Outcome.OK, Outcome.REFUSED)


def test_callback_works_once(oidc: OidcFlow) -> None:
    callback, cookies = oidc.start()
    assert oidc.driver.finish_oidc(callback, cookies).ok
    assert oidc.driver.finish_oidc(callback, cookies).outcome is Outcome.REFUSED


def test_callback_is_bound_to_the_browser(oidc: OidcFlow) -> None:
    # Login CSRF: an attacker sends the callback URL of their own sign-in to a victim.
    attackers_callback, _ = oidc.start()
    _, victims_cookies = oidc.start()
    for cookies in ({}, victims_cookies):
        result = oidc.driver.finish_oidc(attackers_callback, cookies)
        assert result.outcome is Outcome.REFUSED


def test_altered_state_is_rejected(oidc: OidcFlow) -> None:
    callback, cookies = oidc.start()
    parts = urlsplit(callback)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    code, state = query["code"], query["state"]
    for wrong in (
        {"code": code},
        {"code": code, "state": ""},
        {"code": code, "state": "x"},
        {"code": code, "state": state[:-1] + ("A" if state[-1] != "A" else "B")},
        {"code": code, "state": "\x00"},
        {"state": state},
        {"error": "access_denied", "state": state},
        {"error": "access_denied"},
        {"code": "wrong", "state": state},
        {"code": "\x00", "state": state},
        {},
    ):
        response = oidc.driver.http.get(parts.path, params=wrong, headers=cookies)
        assert_problem(response, (401, 403, 422))
        assert_no_internals(response)


def test_unknown_or_unreachable_provider_is_an_error(oidc: OidcFlow) -> None:
    for name in ("unknown", "%00", "x" * 300):
        assert_problem(oidc.driver.begin_oidc(name), (404, 422))
    assert_problem(oidc.driver.begin_oidc("down"), (502, 503))


def test_next_parameter_is_no_open_redirect(oidc: OidcFlow) -> None:
    answer = oidc.driver.http.get("/api/v1/auth/oidc/test?next=https://evil.example/")
    if answer.status_code == 302:
        assert "evil" not in answer.headers["location"]
