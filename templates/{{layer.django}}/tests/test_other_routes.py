"""Rule 10, by attack, for what is not Ninja's: allauth's paths and the admin's."""

import re
from typing import Any

import pytest
from django.test import Client as Browser
from httpx2 import Client

from app.core.ids import uuid7
from app.core.security.roles import Scope
from app.core.web.access import SESSION_COOKIE
from tests.accounts.account_client import PAGE, bearer
from tests.factories import Factory, UserFactory
from tests.route_table import ADMIN, ALLAUTH, every_path

# What a stranger may do: prove who he is. The document has no client in its path.
OPEN = {
    "config",
    "auth/signup",
    "auth/email/verify",
    "auth/login",
    "auth/password/request",
    "auth/password/reset",
    "auth/webauthn/login",
    "tokens/refresh",
}


def _called(path: str) -> str:
    """Name an operation of allauth without the kind of its client."""
    return re.sub(rf"^{ALLAUTH}(?:(?:app|browser)/v1/)?", "", path)


def _methods(view: Any) -> list[str]:
    return [
        name.upper()
        for name in ("get", "post", "put", "patch", "delete")
        if hasattr(view.view_class, name)
    ]


CLOSED = [
    (method, path)
    for path, pattern in every_path()
    if path.startswith(ALLAUTH) and _called(path) not in OPEN
    for method in _methods(pattern.callback)
]


SCREENS = [path for path, _ in every_path() if path.startswith(ADMIN)]


def test_the_walk_finds_them() -> None:
    assert len(CLOSED) >= 40, "the walk has lost its way"
    assert len(SCREENS) > 80, "the walk has lost its way"
    served = {_called(path) for path, _ in every_path() if path.startswith(ALLAUTH)}
    assert served > OPEN


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_stranger_is_401(client: Client, method: str, path: str) -> None:
    for sent in (
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer a.b.c"},
        {"Cookie": f"{SESSION_COOKIE}=nonsense", **PAGE},
    ):
        body = {"no such field": 1} if method != "GET" else None
        answer = client.request(method, path, json=body, headers=sent)
        assert answer.status_code == 401, (sent, answer.text)
        assert answer.json()["status"] == 401


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_no_session_is_made_up(client: Client, method: str, path: str) -> None:
    """`X-Session-Token` is for clients with tokens; a browser has a cookie or nothing."""
    answer = client.request(method, path, headers={"X-Session-Token": "nonsense"})
    assert answer.status_code == (410 if path.startswith(f"{ALLAUTH}app/") else 401), answer.text


def test_key_is_no_user(factory: Factory) -> None:
    ada = factory.user()
    path = f"/organizations/{factory.organization(ada)}/api-keys"
    made = ada.request("POST", path, json={"name": "CI", "scopes": list(Scope)})
    for method, route in CLOSED:
        answer = factory.client.request(method, route, headers=bearer(made.json()["key"]))
        assert answer.status_code == 401, (method, route, answer.text)


def _address(path: str) -> str:
    """Fill in a path of the admin."""
    path = re.sub(r"\(\?P<\w+>(\w+)[|\w]*\)", r"\1", path)  # one of several apps
    path = path.replace("(?P<url>.*)", "no-such-screen")
    return re.sub(r"{\w+}", str(uuid7()), path).replace("^", "").replace("$", "")


def _shown(browser: Browser) -> set[str]:
    """Name what is shown, instead of a refusal or of the way to the sign-in."""
    shown = set()
    for path in map(_address, SCREENS):
        for send in (browser.get, browser.post):
            answer = send(path)
            sent_away = answer.status_code == 302 and answer.headers["Location"].partition("?")[0]
            if answer.status_code not in {403, 405} and sent_away not in {ADMIN, f"{ADMIN}login/"}:
                shown.add(path)
    return shown


@pytest.mark.usefixtures("database")
def test_admin_is_for_staff() -> None:
    browser = Browser()
    assert _shown(browser) == {f"{ADMIN}login/"}
    browser.force_login(UserFactory.create())
    assert _shown(browser) == {f"{ADMIN}login/"}
    browser.force_login(UserFactory.create(is_staff=True))
    assert ADMIN in _shown(browser)
