"""Cookie sessions: HttpOnly, and protected against cross-site requests."""

from http.cookies import SimpleCookie

import httpx2
import pytest

from .drivers import Driver, Outcome
from .factories import Account, Factory
from .problems import assert_problem

CROSS_SITE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://sibling.example"},
]


def cookie_of(response: httpx2.Response) -> tuple[str, str]:
    """Check the attributes of the session cookie; return name and value."""
    (header,) = response.headers.get_list("set-cookie")
    cookie = SimpleCookie(header)
    ((name, morsel),) = cookie.items()
    assert name.startswith("__Host-")
    assert morsel["httponly"]
    assert morsel["secure"]
    assert morsel["path"] == "/"
    assert not morsel["domain"]
    assert morsel["samesite"].lower() in ("lax", "strict")
    return name, morsel.value


@pytest.fixture
def browser(factory: Factory, driver: Driver) -> tuple[Account, dict[str, str]]:
    account = factory.register("browser")
    result = driver.sign_in(account.email, account.password, cookie=True)
    assert result.ok, result.response.text
    name, value = cookie_of(result.response)
    # The body is readable by JavaScript, so it must contain no token.
    assert "token" not in result.response.text
    assert value not in result.response.text
    # httpx2 sends a Secure cookie over TLS only, so the header is set explicitly.
    return account, {"Cookie": f"{name}={value}"}


def test_cookie_authenticates_as_a_session(
    http: httpx2.Client, driver: Driver, browser: tuple[Account, dict[str, str]]
) -> None:
    account, cookie = browser
    own_site = {**cookie, "Sec-Fetch-Site": "same-origin", "Origin": str(http.base_url)}
    me = http.get("/api/v1/me", headers=cookie)
    assert me.json()["email"] == account.email
    changed = http.patch("/api/v1/me", json={"name": "Changed"}, headers=own_site)
    assert changed.status_code == 200, changed.text

    other = account.new_session()
    sessions = driver.sessions(other.access)
    assert len(sessions) == 2
    (mine,) = [session for session in sessions if not session.current]
    assert driver.end_session(other.access, mine.id).ok
    assert_problem(http.get("/api/v1/me", headers=cookie), 401, "unauthenticated")


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
def test_cross_site_requests_are_rejected(
    http: httpx2.Client, browser: tuple[Account, dict[str, str]], headers: dict[str, str]
) -> None:
    _, cookie = browser
    attack = {**cookie, **headers}
    for response in (
        http.patch("/api/v1/me", json={"name": "Forged"}, headers=attack),
        http.post("/api/v1/organizations", json={"name": "Forged"}, headers=attack),
        http.post(
            "/api/v1/organizations",
            content=b'{"name": "Forged"}',
            headers={**attack, "Content-Type": "text/plain"},
        ),
        http.request("DELETE", "/api/v1/me", json={"password": "x"}, headers=attack),
    ):
        assert_problem(response, (403, 415))
    assert http.get("/api/v1/me", headers=cookie).json()["name"] != "Forged"
    assert http.get("/api/v1/organizations", headers=cookie).json()["items"] == []


def test_bearer_tokens_ignore_the_origin(owner: Account) -> None:
    # Another site has no access to the token, so CSRF is impossible.
    for headers in CROSS_SITE:
        assert owner.api.patch("/api/v1/me", json={}, headers=headers).status_code != 403


def test_cross_site_sign_in_is_rejected(driver: Driver, factory: Factory) -> None:
    account = factory.register()
    result = driver.sign_in(
        account.email,
        account.password,
        cookie=True,
        headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    )
    assert result.outcome is Outcome.REFUSED
    assert "set-cookie" not in result.response.headers


def test_sign_out_clears_the_cookie(
    http: httpx2.Client, driver: Driver, browser: tuple[Account, dict[str, str]]
) -> None:
    _, cookie = browser
    headers = {**cookie, "Sec-Fetch-Site": "same-origin", "Origin": str(http.base_url)}
    result = driver.sign_out(headers)
    assert result.ok
    cleared = result.response.headers["set-cookie"].lower()
    assert "max-age=0" in cleared or "expires=thu, 01 jan 1970" in cleared
    assert cleared.startswith(cookie["Cookie"].split("=")[0].lower())
    assert_problem(http.get("/api/v1/me", headers=cookie), 401, "unauthenticated")


def test_forged_cookies_are_rejected(
    http: httpx2.Client, browser: tuple[Account, dict[str, str]]
) -> None:
    account, cookie = browser
    name, value = cookie["Cookie"].split("=", 1)
    tokens = account.new_session()
    for forged in ("", "x", value[:-1], value + "x", tokens.access, tokens.refresh, "A" * 3000):
        response = http.get("/api/v1/me", headers={"Cookie": f"{name}={forged}"})
        assert_problem(response, 401, "unauthenticated")
    # The value of the cookie is not accepted as a bearer token.
    assert_problem(http.get("/api/v1/me", headers={"Authorization": f"Bearer {value}"}), 401)
