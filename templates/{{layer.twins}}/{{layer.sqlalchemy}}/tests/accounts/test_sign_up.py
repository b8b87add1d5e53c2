from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.about import NAME
from app.accounts import service
from app.core.db.unit_of_work import unit_of_work
from tests.accounts.account_client import (
    ACCEPTED,
    OTHER_PASSWORD,
    PASSWORD,
    Account,
    AccountClient,
    Mailbox,
    backdate,
)
from tests.concurrency import run_concurrently


def test_sign_up_verify_and_sign_in(account_client: AccountClient, mailbox: Mailbox) -> None:
    response = account_client.sign_up("Ada@Example.com")
    assert (response.status_code, response.json()) == (202, ACCEPTED)
    assert (account_client.sign_in("ada@example.com")).status_code == 401
    (token,) = mailbox.tokens("verify-email", "ada@example.com")
    verified = account_client.post("verify-email", token=token)
    assert (verified.status_code, verified.content) == (204, b"")
    access, _ = account_client.tokens("ADA@example.com")
    me = account_client.get("me", access).json()
    assert (me["email"], me["name"]) == ("ada@example.com", "Ada Lovelace")
    # The token works once.
    again = account_client.post("verify-email", token=token)
    assert again.status_code == 422
    assert again.json()["errors"][0]["code"] == "invalid_token"


def test_sign_up_response_does_not_reveal_an_existing_account(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    new = account_client.sign_up("new@example.com")
    known = account_client.sign_up(account.email, OTHER_PASSWORD, "Mallory")
    assert (new.status_code, new.content) == (known.status_code, known.content)
    assert mailbox.subjects(account.email) == [f"You already have an account at {NAME}"]
    assert (account_client.sign_in(account.email, OTHER_PASSWORD)).status_code == 401
    access, _ = account_client.tokens(account.email)
    assert (account_client.get("me", access)).json()["name"] == "Ada Lovelace"


def test_verification_link_sets_the_password_of_its_own_sign_up(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    account_client.sign_up("ada@example.com", OTHER_PASSWORD, "Mallory")
    account_client.sign_up("ada@example.com", PASSWORD, "Ada")
    mallorys, adas = mailbox.tokens("verify-email", "ada@example.com")
    assert (account_client.post("verify-email", token=adas)).status_code == 204
    assert (account_client.sign_in("ada@example.com", OTHER_PASSWORD)).status_code == 401
    access, _ = account_client.tokens("ada@example.com", PASSWORD)
    assert (account_client.get("me", access)).json()["name"] == "Ada"
    # The other sign-up is void.
    assert (account_client.post("verify-email", token=mallorys)).status_code == 422
    assert (account_client.sign_in("ada@example.com", OTHER_PASSWORD)).status_code == 401


def test_resent_link_verifies_a_single_sign_up(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    account_client.sign_up("ada@example.com")
    mailbox.run_jobs()
    backdate("email_tokens", "expires_at", "2 days")
    response = account_client.post("verify-email/resend", email="Ada@example.com")
    assert (response.status_code, response.json()) == (202, ACCEPTED)
    expired, fresh = mailbox.tokens("verify-email", "ada@example.com")
    assert (account_client.post("verify-email", token=expired)).status_code == 422
    assert (account_client.post("verify-email", token=fresh)).status_code == 204
    assert (account_client.sign_in("ada@example.com")).status_code == 200


def test_resent_link_sets_no_password_after_several_sign_ups(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    account_client.sign_up("ada@example.com", PASSWORD)
    account_client.sign_up("ada@example.com", OTHER_PASSWORD, "Mallory")
    account_client.post("verify-email/resend", email="ada@example.com")
    *_, resent = mailbox.tokens("verify-email", "ada@example.com")
    assert (account_client.post("verify-email", token=resent)).status_code == 204
    for password in (PASSWORD, OTHER_PASSWORD):
        assert (account_client.sign_in("ada@example.com", password)).status_code == 401
    account_client.post("password/forgot", email="ada@example.com")
    (reset,) = mailbox.tokens("reset-password", "ada@example.com")
    assert (account_client.post("password/reset", token=reset, password=PASSWORD)).is_success
    assert (account_client.sign_in("ada@example.com", PASSWORD)).status_code == 200


def test_resend_response_does_not_reveal_an_account(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    for email in (account.email, "unknown@example.com"):
        response = account_client.post("verify-email/resend", email=email)
        assert (response.status_code, response.json()) == (202, ACCEPTED)
        assert mailbox.subjects(email) == []


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("elevenchars", "string_too_short"),
        ("x" * 129, "string_too_long"),
        ("nul \x00 in the middle", "string_pattern_mismatch"),
        ("password1234", "password_too_common"),
        ("AdaLovelace12", "password_too_common"),
    ],
)
def test_weak_passwords_are_rejected(
    account_client: AccountClient, password: str, code: str
) -> None:
    response = account_client.sign_up("ada@example.com", password)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/password", code)
    assert password not in response.text


def test_other_tokens_do_not_verify_an_address(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    access, refresh = account_client.tokens(account.email)
    account_client.post("password/forgot", email=account.email)
    (reset,) = mailbox.tokens("reset-password", account.email)
    for token in (access, refresh, reset, "x", "\x00", "é"):
        assert (account_client.post("verify-email", token=token)).status_code == 422


@pytest.mark.committed
def test_concurrent_sign_ups_create_one_account(
    account_client: AccountClient, mailbox: Mailbox, session: Session
) -> None:
    responses = run_concurrently(
        partial(account_client.sign_up, "ada@example.com") for _ in range(6)
    )
    assert {response.status_code for response in responses} == {202}
    assert session.scalar(text("SELECT count(*) FROM users")) == 1
    tokens = mailbox.tokens("verify-email", "ada@example.com")
    verified = run_concurrently(
        partial(account_client.post, "verify-email", token=token) for token in tokens
    )
    assert sorted(response.status_code for response in verified) == [
        204,
        *[422] * (len(tokens) - 1),
    ]
    assert (account_client.sign_in("ada@example.com")).status_code == 200


def test_purge_deletes_unverified_accounts(
    account_client: AccountClient, mailbox: Mailbox, account: Account, session: Session
) -> None:
    account_client.sign_up("new@example.com")
    mailbox.run_jobs()
    backdate("users", "created_at", "60 days")
    _purge()
    assert session.scalar(text("SELECT count(*) FROM users")) == 2
    session.commit()
    backdate("email_tokens", "expires_at", "9 days")
    _purge()
    assert session.scalar(text("SELECT email FROM users")) == account.email


def _purge() -> None:
    with unit_of_work() as session:
        service.purge(session)
