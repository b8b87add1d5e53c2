from functools import partial
from uuid import uuid4

import jwt
import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session as DjangoSession
from httpx2 import Response

from app.accounts import service
from app.accounts.models import RefreshToken, UserSession
from app.accounts.rules import SESSION_LIFETIME
from app.core import crypto
from app.core.db.unit_of_work import unit_of_work
from app.core.security import access_tokens
from tests.accounts.account_client import (
    OTHER_PASSWORD,
    PAGE,
    Account,
    AccountClient,
    actions,
    age,
    bearer,
    cookie_of,
)
from tests.concurrency import run_concurrently


def test_sign_in_returns_tokens(account_client: AccountClient, account: Account) -> None:
    answer = account_client.sign_in(account.email)
    meta = answer.json()["meta"]
    # No `session_token`: the access token is the only credential.
    assert set(meta) == {
        "is_authenticated",
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
    }
    assert (meta["token_type"], meta["expires_in"]) == ("Bearer", 600)
    assert "no-store" in answer.headers["Cache-Control"]
    claims = jwt.decode(meta["access_token"], options={"verify_signature": False})
    opened = UserSession.objects.get()
    assert (claims["sub"], claims["sid"]) == (str(account.id), str(opened.id))
    (kept,) = RefreshToken.objects.values_list("token_hash", flat=True)
    assert bytes(kept) == crypto.hash_secret(meta["refresh_token"])
    assert actions() == ["user.created", "session.opened"]


def test_wrong_password_and_unknown_address_have_the_same_response(
    account_client: AccountClient, account: Account
) -> None:
    wrong = account_client.sign_in(account.email, OTHER_PASSWORD)
    unknown = account_client.sign_in("unknown@example.com", OTHER_PASSWORD)
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["Content-Type"] == "application/problem+json"
    same = {"type", "title", "status", "detail", "instance"}
    assert all(wrong.json()[key] == unknown.json()[key] for key in same)


def test_sessions_are_listed_and_ended(account_client: AccountClient, account: Account) -> None:
    here, _ = account_client.tokens(account.email)
    there, refresh = account_client.tokens(account.email)

    def get(path: str) -> Response:
        return account_client.http.get(f"/api/v1/auth/{path}", headers=bearer(here))

    def end(session_id: object) -> int:
        path = f"/api/v1/auth/sessions/{session_id}"
        return account_client.http.delete(path, headers=bearer(here)).status_code

    listed = get("sessions").json()
    assert [item["current"] for item in listed["items"]] == [False, True]
    page = get("sessions?limit=1").json()
    rest = get(f"sessions?cursor={page['next_cursor']}").json()
    assert page["items"] + rest["items"] == listed["items"]

    other = listed["items"][0]["id"]
    assert end(other) == 204
    assert account_client.me(there).status_code == 401
    assert account_client.call("GET", "auth/session", there).status_code == 401
    assert account_client.post("tokens/refresh", refresh_token=refresh).status_code == 401
    assert end(other) == 404
    assert end(uuid4()) == 404


def test_sign_out_ends_the_session(account_client: AccountClient, account: Account) -> None:
    access, refresh = account_client.tokens(account.email)
    other, _ = account_client.tokens(account.email)
    answer = account_client.call("DELETE", "auth/session", access)
    assert answer.json()["meta"] == {"is_authenticated": False}
    assert account_client.me(access).status_code == 401
    assert account_client.post("tokens/refresh", refresh_token=refresh).status_code == 401
    again = account_client.call("DELETE", "auth/session", access)
    assert again.json()["type"] == "/problems/unauthenticated"
    assert account_client.me(other).status_code == 200


def test_sessions_expire(account_client: AccountClient, account: Account) -> None:
    access, refresh = account_client.tokens(account.email)
    cookie = account_client.cookie(account.email)
    age("sessions", "expires_at", "30 days")
    assert account_client.me(access).status_code == 401
    assert account_client.post("tokens/refresh", refresh_token=refresh).status_code == 401
    assert account_client.browse("GET", "auth/session", cookie).status_code == 401


def test_disabling_a_user_ends_sessions(account_client: AccountClient, account: Account) -> None:
    access, refresh = account_client.tokens(account.email)
    cookie = account_client.cookie(account.email)
    with unit_of_work():
        service.disable_user(user_id=account.id)
    assert account_client.me(access).status_code == 401
    assert account_client.post("tokens/refresh", refresh_token=refresh).status_code == 401
    assert account_client.browse("GET", "auth/session", cookie).status_code == 401
    assert account_client.sign_in(account.email).status_code == 401
    assert "user.disabled" in actions()


def test_refresh_rotates(account_client: AccountClient, account: Account) -> None:
    access, refresh = account_client.tokens(account.email)
    answer = account_client.post("tokens/refresh", refresh_token=refresh)
    assert set(answer.json()["data"]) == {"access_token", "refresh_token"}
    assert account_client.me(answer.json()["data"]["access_token"]).status_code == 200
    assert account_client.me(access).status_code == 200
    # Within the grace window a reused token is rejected without ending the session.
    assert account_client.post("tokens/refresh", refresh_token=refresh).status_code == 401
    assert account_client.me(access).status_code == 200


@pytest.mark.committed
def test_reused_refresh_token_ends_the_session(
    account_client: AccountClient, account: Account
) -> None:
    access, refresh = account_client.tokens(account.email)
    newest = account_client.post("tokens/refresh", refresh_token=refresh).json()["data"]
    age("refresh_tokens", "used_at", "11 seconds")
    assert account_client.post("tokens/refresh", refresh_token=refresh).status_code == 401
    for token in (access, newest["access_token"]):
        assert account_client.me(token).status_code == 401
    answer = account_client.post("tokens/refresh", refresh_token=newest["refresh_token"])
    assert answer.status_code == 401
    assert actions() == ["user.created", "session.opened", "refresh_token.reused"]


@pytest.mark.committed
def test_concurrent_refreshes_succeed_once(account_client: AccountClient, account: Account) -> None:
    access, refresh = account_client.tokens(account.email)
    answers = run_concurrently(
        [partial(account_client.post, "tokens/refresh", refresh_token=refresh)] * 8
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7]
    assert account_client.me(access).status_code == 200
    assert RefreshToken.objects.count() == 2


@pytest.mark.committed
def test_password_change_between_the_steps_refuses_the_sign_in(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    app = account_client.set_up_totp(access)
    begun = account_client.sign_in(account.email)
    token = begun.json()["meta"]["session_token"]
    changed = account_client.post(
        "account/password/change",
        access,
        current_password="velvet otter 7 harbour",
        new_password=OTHER_PASSWORD,
    )
    assert changed.status_code == 200, changed.text
    for _ in range(2):  # and it stays refused
        _let_codes_be_new()
        answer = account_client.call(
            "POST", "auth/2fa/authenticate", headers={"X-Session-Token": token}, code=app.now()
        )
        assert answer.status_code == 401
        assert answer.json()["type"] == "/problems/unauthenticated"


def _let_codes_be_new() -> None:
    for item in Authenticator.objects.filter(type="totp"):
        item.data["last_step"] -= 10
        item.save()


def test_other_secrets_are_not_access_tokens(
    account_client: AccountClient, account: Account
) -> None:
    access, refresh = account_client.tokens(account.email)
    cookie = account_client.cookie(account.email)
    (key,) = DjangoSession.objects.exclude(session_key=cookie).values_list("session_key", flat=True)
    strange = access_tokens.issue(user_id=uuid4(), session_id=uuid4())
    for token in (refresh, cookie, key, strange, "x", "\u00e9"):
        assert (
            account_client.call(
                "GET",
                "auth/session",
                headers={"Authorization": f"Bearer {token}".encode()},  # type: ignore[dict-item]  # bytes, to send what is not ASCII
            ).status_code
            == 401
        )
    # The key of Django's session and a cookie are not session tokens of a pending sign-in.
    for token in (key, cookie, access):
        answer = account_client.call("GET", "auth/session", headers={"X-Session-Token": token})
        assert answer.status_code == 410
    # The key of a client with tokens is not a cookie.
    assert (
        account_client.http.get(
            "/api/v1/me", headers={"Cookie": f"__Host-session={key}"}
        ).status_code
        == 401
    )


# Browsers


def test_cookie_authenticates(account_client: AccountClient, account: Account) -> None:
    answer = account_client.browse(
        "POST", "auth/login", email=account.email, password="velvet otter 7 harbour"
    )
    (header,) = answer.headers.get_list("Set-Cookie")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=Lax"} <= set(header.split("; "))
    assert "token" not in answer.text
    cookie = cookie_of(answer)
    assert cookie not in answer.text
    me = account_client.http.get("/api/v1/me", headers={"Cookie": f"__Host-session={cookie}"})
    assert me.json()["email"] == account.email
    assert UserSession.objects.get().cookie_hash == crypto.hash_secret(cookie)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_cross_site_requests_with_the_cookie_are_refused(
    account_client: AccountClient, account: Account, headers: dict[str, str]
) -> None:
    cookie = account_client.cookie(account.email)
    for method, path in (("DELETE", "auth/session"), ("POST", "account/password/change")):
        answer = account_client.browse(method, path, cookie, headers=headers)
        assert answer.status_code == 403
        assert "CORS_ORIGINS" in answer.json()["detail"]
    signed_in = account_client.browse(
        "POST", "auth/login", headers=headers, email=account.email, password=OTHER_PASSWORD
    )
    assert signed_in.status_code == 403
    assert account_client.browse("GET", "auth/session", cookie).status_code == 200


def test_form_bodies_are_refused(account_client: AccountClient, account: Account) -> None:
    answer = account_client.http.post(
        "/_allauth/browser/v1/auth/login",
        content=b'{"email": "ada@example.com", "password": "x"}',
        headers={**PAGE, "Content-Type": "text/plain"},
    )
    assert answer.status_code == 415


def test_browser_signs_out(account_client: AccountClient, account: Account) -> None:
    cookie = account_client.cookie(account.email)
    answer = account_client.browse("DELETE", "auth/session", cookie)
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert account_client.browse("GET", "auth/session", cookie).status_code == 401
    assert actions() == ["user.created", "session.opened", "session.ended"]


def test_session_ended_elsewhere_ends_for_the_browser(
    account_client: AccountClient, account: Account
) -> None:
    cookie = account_client.cookie(account.email)
    opened = UserSession.objects.get()
    with unit_of_work():
        service.end_session(user_id=account.id, session_id=opened.id)
    # Django's session still exists.
    assert DjangoSession.objects.filter(session_key=cookie).exists()
    assert account_client.browse("GET", "auth/session", cookie).status_code == 401


def test_session_cookie_lives_as_long_as_its_session() -> None:
    assert SESSION_LIFETIME.total_seconds() == django_settings.SESSION_COOKIE_AGE
