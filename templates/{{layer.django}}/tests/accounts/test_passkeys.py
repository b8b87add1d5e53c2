"""Passkeys with real signatures: sign-in without a password, and the second factor."""

import json
from functools import partial
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test.utils import CaptureQueriesContext
from httpx2 import Response

from app.accounts import service
from app.accounts.models import UserSession
from app.core.db.unit_of_work import unit_of_work
from tests.accounts.account_client import (
    PASSWORD,
    Account,
    AccountClient,
    Mailbox,
    actions,
    bearer,
    cookie_of,
)
from tests.accounts.passkeys import VERIFIED, Passkey
from tests.concurrency import run_concurrently

PASSKEYS = "account/authenticators/webauthn"
LOGIN = "auth/webauthn/login"
SECOND = "auth/webauthn/authenticate"
UNVERIFIED = VERIFIED & ~VERIFIED.UV


def _creation_options(account_client: AccountClient, access: str) -> dict[str, Any]:
    answer = account_client.call("GET", f"{PASSKEYS}?passwordless", access)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["data"]["creation_options"]
    return options


def _register(account_client: AccountClient, access: str, name: str = "Phone") -> Passkey:
    assert account_client.prove(access).status_code == 200
    passkey, credential = Passkey().create(_creation_options(account_client, access))
    answer = account_client.post(PASSKEYS, access, name=name, credential=credential)
    assert answer.status_code == 200, answer.text
    return passkey


def _step(token: str) -> dict[str, str]:
    return {"X-Session-Token": token}


def _begin(
    account_client: AccountClient, path: str = LOGIN, token: str = ""
) -> tuple[dict[str, Any], str]:
    """Request a challenge; returns the options and the session token of the next step."""
    answer = account_client.call("GET", path, headers=_step(token) if token else {})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["data"]["request_options"], token or body["meta"]["session_token"]


def _sign_in(account_client: AccountClient, passkey: Passkey) -> Response:
    options, token = _begin(account_client)
    return account_client.call("POST", LOGIN, headers=_step(token), credential=passkey.get(options))


def _password_step(account_client: AccountClient, account: Account) -> str:
    """Complete the password step; returns the session token."""
    begun = account_client.sign_in(account.email)
    assert begun.status_code == 401
    flows = {flow["id"]: flow for flow in begun.json()["data"]["flows"]}
    assert flows["mfa_authenticate"]["is_pending"]
    assert "webauthn" in flows["mfa_authenticate"]["types"]
    token: str = begun.json()["meta"]["session_token"]
    return token


def _is_pair(account_client: AccountClient, account: Account, answer: Response) -> bool:
    """Return whether the response has working tokens, as in the contract."""
    assert answer.status_code == 200, answer.text
    meta = answer.json()["meta"]
    assert set(meta) == {
        "is_authenticated",
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
    }
    assert account_client.me(meta["access_token"]).json()["email"] == account.email
    refreshed = account_client.post("tokens/refresh", refresh_token=meta["refresh_token"])
    return refreshed.status_code == 200


def test_register_list_rename_and_delete(
    account_client: AccountClient, account: Account, mailbox: Mailbox
) -> None:
    access, _ = account_client.tokens(account.email)
    assert account_client.call("GET", PASSKEYS, access).status_code == 401
    _register(account_client, access)
    (kept,) = Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN)
    listed = account_client.call("GET", "account/authenticators", access).json()["data"]
    (item,) = [item for item in listed if item["type"] == "webauthn"]
    assert (item["id"], item["name"], item["is_passwordless"]) == (kept.pk, "Phone", True)
    assert item["last_used_at"] is None
    # Recovery codes are created with the first authenticator.
    assert {item["type"] for item in listed} == {"webauthn", "recovery_codes"}

    renamed = account_client.call("PUT", PASSKEYS, access, id=kept.pk, name="Ada's phone")
    assert renamed.json()["data"]["name"] == "Ada's phone"
    kept.refresh_from_db()
    assert kept.data["name"] == "Ada's phone"

    deleted = account_client.call("DELETE", PASSKEYS, access, authenticators=[kept.pk])
    assert deleted.status_code == 200
    assert not Authenticator.objects.exists()
    # Without an authenticator the password is sufficient.
    assert account_client.sign_in(account.email).status_code == 200
    assert actions() == [
        "user.created",
        "session.opened",
        "passkey.added",
        "passkey.removed",
        "session.opened",
    ]
    assert len(mailbox.subjects(account.email)) == 2


def test_number_of_statements_does_not_depend_on_passkeys(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)

    def read() -> int:
        with CaptureQueriesContext(connection) as seen:
            answer = account_client.call("GET", "account/authenticators", access)
            assert answer.status_code == 200
            _begin(account_client, SECOND, token)
        return len(seen)

    token = _password_step(account_client, account)
    few = read()
    for _ in range(5):
        _register(account_client, access)
    assert read() == few
    assert _is_pair(account_client, account, _sign_in(account_client, passkey))


def test_changes_need_reauthentication(account_client: AccountClient, account: Account) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    (kept,) = Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN)
    other = _sign_in(account_client, passkey).json()["meta"]["access_token"]
    for method, body in (
        ("GET", {}),
        ("PUT", {"id": kept.pk, "name": "X"}),
        ("DELETE", {"authenticators": [kept.pk]}),
    ):
        refused = account_client.call(method, PASSKEYS, other, **body)
        assert refused.json()["data"]["flows"][0]["id"] == "reauthenticate"
    # A challenge of a session that has reauthenticated is refused in another session.
    _, made = Passkey().create(_creation_options(account_client, access))
    assert account_client.post(PASSKEYS, other, name="X", credential=made).status_code == 400
    kept.refresh_from_db()
    assert kept.data["name"] == "Phone"
    # Reauthentication with the passkey.
    path = "auth/webauthn/reauthenticate"
    options = account_client.call("GET", path, other).json()["data"]["request_options"]
    proved = account_client.post(path, other, credential=passkey.get(options))
    assert proved.status_code == 200, proved.text
    renamed = account_client.call("PUT", PASSKEYS, other, id=kept.pk, name="X")
    assert renamed.status_code == 200


def test_sign_in_without_a_password(account_client: AccountClient, account: Account) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    answer = _sign_in(account_client, passkey)
    assert _is_pair(account_client, account, answer)
    (kept,) = Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN)
    assert kept.last_used_at is not None
    assert UserSession.objects.count() == 2
    assert actions()[-1] == "session.opened"


def test_passkey_is_a_second_factor(account_client: AccountClient, account: Account) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    options, token = _begin(account_client, SECOND, _password_step(account_client, account))
    # After the password, user verification is not needed.
    credential = passkey.but(flags=UNVERIFIED).get(options)
    answer = account_client.call("POST", SECOND, headers=_step(token), credential=credential)
    assert _is_pair(account_client, account, answer)


def test_browser_signs_in_without_a_password(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    begun = account_client.browse("GET", LOGIN)
    options = begun.json()["data"]["request_options"]
    before = cookie_of(begun)
    answer = account_client.browse("POST", LOGIN, before, credential=passkey.get(options))
    assert answer.status_code == 200, answer.text
    assert "token" not in answer.text
    # A new cookie: the former one could be an attacker's (session fixation).
    after = cookie_of(answer)
    assert after != before
    for cookie, status in ((after, 200), (before, 401)):
        headers = {"Cookie": f"__Host-session={cookie}"}
        assert account_client.http.get("/api/v1/me", headers=headers).status_code == status


def test_passkey_is_a_second_factor_in_a_browser(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    begun = account_client.browse("POST", "auth/login", email=account.email, password=PASSWORD)
    assert begun.status_code == 401
    cookie = cookie_of(begun)
    assert (
        account_client.http.get(
            "/api/v1/me", headers={"Cookie": f"__Host-session={cookie}"}
        ).status_code
        == 401
    )
    options = account_client.browse("GET", SECOND, cookie).json()["data"]["request_options"]
    answer = account_client.browse("POST", SECOND, cookie, credential=passkey.get(options))
    assert answer.status_code == 200, answer.text
    headers = {"Cookie": f"__Host-session={cookie_of(answer)}"}
    assert account_client.http.get("/api/v1/me", headers=headers).json()["email"] == account.email


def test_cross_site_sign_in_is_refused(account_client: AccountClient, account: Account) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    begun = account_client.browse("GET", LOGIN)
    credential = passkey.get(begun.json()["data"]["request_options"])
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = account_client.browse(
        "POST", LOGIN, cookie_of(begun), headers=foreign, credential=credential
    )
    assert answer.status_code == 403


BAD: dict[str, Any] = {
    "signature of another key": lambda good: good.but(key=Passkey().key),
    "unknown credential": lambda good: good.but(id=Passkey().id),
    "page of another site": lambda good: good.but(origin="https://evil.example"),
    "page with the name in it": lambda good: good.but(origin="https://localhost.evil.example"),
    "page without TLS": lambda good: good.but(origin="http://10.0.0.1:8000"),
    "made for another site": lambda good: good.but(rp_id="evil.example"),
    "user not present": lambda good: good.but(flags=VERIFIED & ~VERIFIED.UP),
}


@pytest.mark.parametrize("bend", BAD.values(), ids=BAD)
def test_invalid_authentications_are_refused(
    account_client: AccountClient, account: Account, bend: Any
) -> None:
    access, _ = account_client.tokens(account.email)
    good = _register(account_client, access)
    options, token = _begin(account_client)
    seconds = _begin(account_client, SECOND, _password_step(account_client, account))
    for path, asked, step in ((LOGIN, options, token), (SECOND, *seconds)):
        answer = account_client.call(
            "POST", path, headers=_step(step), credential=bend(good).get(asked)
        )
        assert answer.status_code == 400, answer.text
        assert "access_token" not in answer.text
    assert actions().count("session.opened") == 1
    # The challenge is still valid for the correct response.
    answer = account_client.call("POST", LOGIN, headers=_step(token), credential=good.get(options))
    assert _is_pair(account_client, account, answer)


@pytest.mark.parametrize("bend", list(BAD.values())[2:], ids=list(BAD)[2:])
def test_invalid_registrations_are_refused(
    account_client: AccountClient, account: Account, bend: Any
) -> None:
    access, _ = account_client.tokens(account.email)
    account_client.prove(access)
    options = _creation_options(account_client, access)
    _, credential = bend(Passkey()).create(options)
    answer = account_client.post(PASSKEYS, access, name="X", credential=credential)
    assert answer.status_code == 400, answer.text
    assert not Authenticator.objects.exists()


def test_sign_in_without_user_verification_is_refused(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    assert _sign_in(account_client, passkey.but(flags=UNVERIFIED)).status_code == 400
    # It cannot be registered for sign-in without a password either.
    _, credential = Passkey(flags=UNVERIFIED).create(_creation_options(account_client, access))
    answer = account_client.post(PASSKEYS, access, name="X", credential=credential)
    assert answer.status_code == 400


def test_challenges_work_once(account_client: AccountClient, account: Account) -> None:
    access, _ = account_client.tokens(account.email)
    account_client.prove(access)
    first, made = Passkey().create(_creation_options(account_client, access))
    assert account_client.post(PASSKEYS, access, name="X", credential=made).status_code == 200
    assert account_client.post(PASSKEYS, access, name="X", credential=made).status_code == 400

    options, token = _begin(account_client)
    used = first.get(options)
    assert (
        account_client.call("POST", LOGIN, headers=_step(token), credential=used).status_code == 200
    )
    _, other = _begin(account_client)
    for headers in (_step(token), _step(other), {}):
        answer = account_client.call("POST", LOGIN, headers=headers, credential=used)
        assert answer.status_code in {400, 410}, answer.text
        assert "access_token" not in answer.text


@pytest.mark.committed
@pytest.mark.parametrize("path", [LOGIN, SECOND])
def test_concurrent_responses_to_one_challenge_sign_in_once(
    account_client: AccountClient, account: Account, path: str
) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    begun = _password_step(account_client, account) if path == SECOND else ""
    options, token = _begin(account_client, path, begun)
    sent = partial(
        account_client.call, "POST", path, headers=_step(token), credential=passkey.get(options)
    )
    answers = run_concurrently([sent] * 4)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    # 401: the challenge was used; 410: its session was replaced.
    assert set(statuses[1:]) <= {401, 410}
    assert UserSession.objects.count() == 2


@pytest.mark.committed
def test_concurrent_responses_of_a_browser_sign_in_once(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    begun = account_client.browse("GET", LOGIN)
    credential = passkey.get(begun.json()["data"]["request_options"])
    sent = partial(account_client.browse, "POST", LOGIN, cookie_of(begun), credential=credential)
    statuses = sorted(answer.status_code for answer in run_concurrently([sent] * 4))
    assert statuses[0] == 200
    # 400: the session was replaced, so allauth finds no challenge.
    assert set(statuses[1:]) <= {400, 401}
    assert UserSession.objects.count() == 2


def test_credential_of_another_user_is_refused(
    account_client: AccountClient, account: Account
) -> None:
    with unit_of_work():
        service.create_user(email="eve@example.com", name="Eve", password=PASSWORD, verified=True)
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    eves_access, _ = account_client.tokens("eve@example.com")
    eves = _register(account_client, eves_access)
    (kept,) = Authenticator.objects.filter(type="webauthn", user_id=account.id)

    # Eve's key with Ada's user handle, and the reverse.
    for bent in (
        eves.but(user_handle=passkey.user_handle),
        passkey.but(user_handle=eves.user_handle),
    ):
        assert _sign_in(account_client, bent).status_code == 400
    # Eve's key as Ada's second factor.
    options, token = _begin(account_client, SECOND, _password_step(account_client, account))
    answer = account_client.call("POST", SECOND, headers=_step(token), credential=eves.get(options))
    assert answer.status_code == 400
    # She can neither rename nor delete it.
    for method, body in (
        ("PUT", {"id": kept.pk, "name": "X"}),
        ("DELETE", {"authenticators": [kept.pk]}),
    ):
        assert account_client.call(method, PASSKEYS, eves_access, **body).status_code == 400
    assert _is_pair(account_client, account, _sign_in(account_client, passkey))


def test_disabled_account_is_refused(account_client: AccountClient, account: Account) -> None:
    access, _ = account_client.tokens(account.email)
    passkey = _register(account_client, access)
    with unit_of_work():
        service.disable_user(user_id=account.id)
    assert _sign_in(account_client, passkey).status_code == 401


@pytest.mark.parametrize(
    "odd",
    ["\x00", "\ud800", float("nan"), "x" * 500_000],
    ids=["NUL", "half a character", "no number", "large"],
)
def test_unknown_fields_are_not_stored(
    account_client: AccountClient, account: Account, odd: object
) -> None:
    access, _ = account_client.tokens(account.email)
    account_client.prove(access)
    _, credential = Passkey().create(_creation_options(account_client, access), odd=odd)
    answer = account_client.http.post(
        f"/_allauth/app/v1/{PASSKEYS}",
        headers=bearer(access) | {"Content-Type": "application/json"},
        content=json.dumps({"name": "X", "credential": {**credential, "odd": odd}}).encode(),
    )
    # Unknown fields are dropped; what is not JSON is refused.
    assert answer.status_code in {200, 422}, answer.text
    for kept in Authenticator.objects.filter(type="webauthn"):
        assert "odd" not in str(kept.data)


@pytest.mark.parametrize("name", ["x" * 101, "\x00", "\x1b[2J", 5, []], ids=repr)
def test_invalid_names_are_refused(
    account_client: AccountClient, account: Account, name: object
) -> None:
    access, _ = account_client.tokens(account.email)
    _register(account_client, access)
    (kept,) = Authenticator.objects.filter(type="webauthn")
    _, credential = Passkey().create(_creation_options(account_client, access))
    for method, body in (("POST", {"credential": credential}), ("PUT", {"id": kept.pk})):
        answer = account_client.call(method, PASSKEYS, access, name=name, **body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == "/name"


@pytest.mark.parametrize("path", [LOGIN, "auth/login", "auth/signup"])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"credential":' * 50_000,
        b'{"credential": NaN}',
        b'{"credential": ' + b"1" * 5000 + b"}",
        b'{"credential": "\\ud800"}',
        b"\xff",
        b"[]",
        b"5",
    ],
    ids=lambda body: str(body[:24]),
)
def test_bodies_that_are_not_json_objects_are_refused(
    account_client: AccountClient, path: str, body: bytes
) -> None:
    answer = account_client.http.post(
        f"/_allauth/app/v1/{path}", headers={"Content-Type": "application/json"}, content=body
    )
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
