"""Staff set up their own second factor in the admin, which production demands."""

import re
from typing import Any

import pyotp
import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from app.accounts.models import SecurityEvent, User, UserSession
from app.settings import settings
from tests.browsers import ADMIN, PASSWORD, make_staff, set_up_totp, sign_in, signed_in
from tests.factories import UserFactory

PAGE = f"{ADMIN}second-factor/"
SET_UP = f"{PAGE}set-up/"


@pytest.fixture
def me(database: None) -> User:
    return make_staff(email="staff@example.com")


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.__dict__, "environment", "production")


@pytest.fixture
def browser(me: User) -> Client:
    return signed_in(me)


def app_of(shown: Any) -> pyotp.TOTP:
    """Return an authenticator app with the key that the page shows."""
    (key,) = re.findall(r'id="secret">(\w+)<', shown.text)
    return pyotp.TOTP(key)


def set_up(browser: Client) -> tuple[pyotp.TOTP, list[str]]:
    """Set up the second factor in the admin; return the app and the recovery codes."""
    app = app_of(browser.get(SET_UP))
    answer = browser.post(SET_UP, {"code": app.now()}, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    return app, list(answer.context["codes"])


def wait(browser: Client) -> None:
    """Make the last entry of the password one hour old."""
    session = browser.session
    for record in session[AUTHENTICATION_METHODS_SESSION_KEY]:
        record["at"] -= 3600
    session.save()


def actions(user: User) -> list[str]:
    events = SecurityEvent.objects.filter(user=user).order_by("id")
    return list(events.values_list("action", flat=True))


@pytest.mark.usefixtures("production")
def test_first_user_is_led_through_the_set_up(me: User) -> None:
    browser = Client()
    assert sign_in(browser, me.email).status_code == 302
    shown = browser.get(ADMIN, follow=True)
    assert shown.redirect_chain[-1] == (SET_UP, 302)
    assert "requires a second factor" in shown.text
    assert 'src="data:image/svg+xml;base64,' in shown.text
    app = app_of(shown)
    refused = browser.post(SET_UP, {"code": "000000"})
    assert "The code is wrong" in refused.text
    # The page keeps the key that the app has scanned.
    assert app_of(refused).secret == app.secret
    assert browser.get(ADMIN).status_code == 302

    done = browser.post(SET_UP, {"code": app.now()}, follow=True)
    codes = done.context["codes"]
    assert len(codes) == 10
    assert all(code in done.text for code in codes)
    assert browser.get(ADMIN).status_code == 200
    assert sign_in(Client(), me.email, codes[0]).status_code == 302
    assert "Enter the code." in sign_in(Client(), me.email).text


def test_set_up_is_recorded_as_in_the_api(browser: Client, me: User) -> None:
    session = UserSession.objects.get(user=me)
    app, _ = set_up(browser)
    event = SecurityEvent.objects.filter(user=me).latest("id")
    assert (event.action, event.details) == ("totp.enabled", {})
    # The code of the set-up is used, the secrets are encrypted, and the session has a new cookie.
    assert sign_in(Client(), me.email, app.now()).status_code == 200
    assert app.secret not in str(list(Authenticator.objects.values_list("data", flat=True)))
    assert (
        UserSession.objects.get(id=session.pk, revoked_at=None).cookie_hash != session.cookie_hash
    )


def test_recovery_codes_are_shown_once(browser: Client, me: User) -> None:
    _, codes = set_up(browser)
    again = browser.get(PAGE)
    assert "10 unused" in again.text
    assert not [code for code in codes if code in again.text]
    renewed = browser.post(f"{PAGE}codes/", follow=True)
    assert len(renewed.context["codes"]) == 10
    assert not set(codes) & set(renewed.context["codes"])
    assert actions(me)[-1] == "recovery_codes.renewed"
    assert sign_in(Client(), me.email, codes[0]).status_code == 200
    assert sign_in(Client(), me.email, renewed.context["codes"][0]).status_code == 302


def test_authenticator_app_is_replaced(browser: Client, me: User) -> None:
    set_up(browser)
    # An app cannot be replaced without removing it first.
    assert browser.get(SET_UP).headers["Location"] == PAGE
    assert browser.post(f"{PAGE}remove/", follow=True).redirect_chain[-1] == (SET_UP, 302)
    assert not Authenticator.objects.exists()
    # A second click removes nothing, and is no error.
    for path in ("remove/", "codes/"):
        again = browser.post(PAGE + path, follow=True)
        assert again.redirect_chain[-1] == (SET_UP, 302)
    set_up(browser)
    assert actions(me)[-3:] == ["totp.enabled", "totp.disabled", "totp.enabled"]


@pytest.mark.parametrize(
    ("method", "path"), [("get", SET_UP), ("post", SET_UP), ("post", f"{PAGE}codes/")]
)
def test_changes_need_a_recent_password(browser: Client, me: User, method: str, path: str) -> None:
    if path != SET_UP:
        set_up(browser)
    wait(browser)
    asked = getattr(browser, method)(path, {"code": "123456"}, follow=True)
    assert asked.redirect_chain[0][0].startswith(f"{PAGE}password/?next=")
    address = asked.redirect_chain[-1][0]
    assert "The password is wrong" in browser.post(address, {"password": "wrong"}).text
    following = browser.post(address, {"password": PASSWORD}).headers["Location"]
    assert following == (path if method == "get" else PAGE)
    assert (
        browser.post(f"{PAGE}password/", {"password": PASSWORD, "next": "//evil.example"}).headers[
            "Location"
        ]
        == PAGE
    )
    assert browser.get(SET_UP, follow=True).redirect_chain in ([], [(PAGE, 302)])


@pytest.mark.parametrize(
    "path", [PAGE, SET_UP, f"{PAGE}codes/", f"{PAGE}remove/", f"{PAGE}password/"]
)
def test_password_alone_does_not_change_a_second_factor(
    browser: Client, me: User, path: str
) -> None:
    set_up_totp(me)
    for send in (browser.get, browser.post):
        answer = send(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(f"{ADMIN}login/?next=")


@pytest.mark.usefixtures("database")
def test_pages_are_for_staff() -> None:
    browser = Client()
    browser.force_login(UserFactory.create())
    for path in (PAGE, SET_UP, f"{PAGE}password/"):
        assert browser.get(path).headers["Location"].startswith(f"{ADMIN}login/?next=")


def test_pages_need_few_statements(browser: Client) -> None:
    set_up(browser)
    with CaptureQueriesContext(connection) as seen:
        assert browser.get(PAGE).status_code == 200
    assert len(seen) <= 8


def test_set_up_attempts_are_limited(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.__dict__, "rate_limit_enabled", True)
    app = app_of(browser.get(SET_UP))
    texts = [browser.post(SET_UP, {"code": "000000"}).text for _ in range(12)]
    assert "Too many requests" in texts[-1]
    assert "Too many requests" in browser.post(SET_UP, {"code": app.now()}).text
