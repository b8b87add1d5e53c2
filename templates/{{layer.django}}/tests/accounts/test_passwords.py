from functools import partial

import pytest
from django.contrib.auth import password_validation
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError

from app.accounts.models import User
from tests.accounts.account_client import (
    OTHER_PASSWORD,
    PASSWORD,
    Account,
    AccountClient,
    Mailbox,
    age,
)
from tests.concurrency import run_concurrently

THIRD_PASSWORD = "amber kettle 9 window"


def test_change_ends_all_other_sessions(account_client: AccountClient, account: Account) -> None:
    here, refresh = account_client.tokens(account.email)
    there, _ = account_client.tokens(account.email)
    cookie = account_client.cookie(account.email)
    changed = account_client.post(
        "account/password/change", here, current_password=PASSWORD, new_password=OTHER_PASSWORD
    )
    assert changed.status_code == 200
    assert account_client.me(here).status_code == 200
    assert account_client.call("GET", "auth/session", here).status_code == 200
    assert account_client.post("tokens/refresh", refresh_token=refresh).status_code == 200
    assert account_client.me(there).status_code == 401
    assert account_client.browse("GET", "auth/session", cookie).status_code == 401
    assert account_client.sign_in(account.email).status_code == 401
    assert account_client.sign_in(account.email, OTHER_PASSWORD).status_code == 200


def test_change_in_a_browser_keeps_its_session(
    account_client: AccountClient, account: Account
) -> None:
    cookie = account_client.cookie(account.email)
    changed = account_client.browse(
        "POST",
        "account/password/change",
        cookie,
        current_password=PASSWORD,
        new_password=OTHER_PASSWORD,
    )
    assert changed.status_code == 200, changed.text
    # Django changes the key of the session; `sessions` has the new one.
    (header,) = changed.headers.get_list("Set-Cookie")
    new = header.partition("=")[2].partition(";")[0]
    assert new != cookie
    for value, status in ((new, 200), (cookie, 401)):
        headers = {"Cookie": f"__Host-session={value}"}
        assert account_client.http.get("/api/v1/me", headers=headers).status_code == status
        assert account_client.browse("GET", "auth/session", value).status_code == status


@pytest.mark.parametrize(
    ("current", "new", "pointer"),
    [
        (OTHER_PASSWORD, THIRD_PASSWORD, "/current_password"),
        (PASSWORD, "password1234", "/new_password"),
        (PASSWORD, "x" * 129, "/new_password"),
    ],
)
def test_invalid_changes_are_refused(
    account_client: AccountClient, account: Account, current: str, new: str, pointer: str
) -> None:
    access, _ = account_client.tokens(account.email)
    answer = account_client.post(
        "account/password/change", access, current_password=current, new_password=new
    )
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert account_client.sign_in(account.email).status_code == 200


def test_reset(account_client: AccountClient, account: Account, mailbox: Mailbox) -> None:
    access, refresh = account_client.tokens(account.email)
    for address in (account.email, "unknown@example.com"):
        asked = account_client.post("auth/password/request", email=address)
        assert (asked.status_code, asked.json()) == (200, {"status": 200})
    assert mailbox.subjects("unknown@example.com") == []
    (token,) = mailbox.tokens("reset-password", account.email)
    weak = account_client.post("auth/password/reset", key=token, password="password1234")
    assert weak.status_code == 422
    done = account_client.post("auth/password/reset", key=token, password=OTHER_PASSWORD)
    assert (done.status_code, done.json()["meta"]) == (401, {"is_authenticated": False})
    assert account_client.me(access).status_code == 401
    assert account_client.post("tokens/refresh", refresh_token=refresh).status_code == 401
    assert account_client.sign_in(account.email).status_code == 401
    assert account_client.sign_in(account.email, OTHER_PASSWORD).status_code == 200
    again = account_client.post("auth/password/reset", key=token, password=THIRD_PASSWORD)
    assert again.status_code == 422


def test_reset_link_expires(
    account_client: AccountClient, account: Account, mailbox: Mailbox
) -> None:
    account_client.post("auth/password/request", email=account.email)
    (token,) = mailbox.tokens("reset-password", account.email)
    age("email_tokens", "expires_at", "30 minutes")
    answer = account_client.post("auth/password/reset", key=token, password=OTHER_PASSWORD)
    assert answer.status_code == 422


@pytest.mark.committed
def test_concurrent_resets_succeed_once(
    account_client: AccountClient, account: Account, mailbox: Mailbox
) -> None:
    account_client.post("auth/password/request", email=account.email)
    (token,) = mailbox.tokens("reset-password", account.email)
    new = [f"{OTHER_PASSWORD} {number}" for number in range(4)]
    answers = run_concurrently(
        [
            partial(account_client.post, "auth/password/reset", key=token, password=item)
            for item in new
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [401, 422, 422, 422]
    assert [account_client.sign_in(account.email, item).status_code for item in new].count(200) == 1


def test_hashes_are_argon2id_with_the_contracts_parameters() -> None:
    assert make_password("x").startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    # The same password in NFC and NFD.
    assert check_password("e\u0301clair au chocolat", make_password("\u00e9clair au chocolat"))


@pytest.mark.parametrize("password", ["elevenchars", "x" * 129, "password1234", "grace hopper 1"])
def test_djangos_forms_have_the_same_rules(password: str) -> None:
    user = User(email="grace@example.com", name="Grace Hopper")
    with pytest.raises(ValidationError):
        password_validation.validate_password(password, user)
    password_validation.validate_password(PASSWORD, user)
