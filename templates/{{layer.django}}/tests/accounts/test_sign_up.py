from functools import partial

import pytest

from app.accounts.models import User
from tests.accounts.account_client import (
    OTHER_PASSWORD,
    Account,
    AccountClient,
    Mailbox,
    actions,
    age,
)
from tests.concurrency import run_concurrently

NEW = "new@example.com"


def test_sign_up_verification_and_sign_in(account_client: AccountClient, mailbox: Mailbox) -> None:
    answer = account_client.sign_up(NEW)
    assert answer.status_code == 401
    assert {"id": "verify_email", "is_pending": True} in answer.json()["data"]["flows"]
    assert account_client.sign_in(NEW).status_code == 401
    (token,) = mailbox.tokens("verify-email", NEW)
    verified = account_client.post("auth/email/verify", key=token)
    # Verification does not sign the user in.
    assert (verified.status_code, verified.json()["meta"]) == (401, {"is_authenticated": False})
    access, _ = account_client.tokens(NEW)
    assert account_client.me(access).json()["name"] == "Ada Lovelace"
    assert actions() == ["email.verified", "session.opened"]


def test_response_does_not_reveal_accounts(
    account_client: AccountClient, account: Account, mailbox: Mailbox
) -> None:
    assert (
        account_client.sign_up(NEW).json()
        == account_client.sign_up(account.email, OTHER_PASSWORD).json()
    )
    assert mailbox.tokens("verify-email", account.email) == []
    (subject,) = mailbox.subjects(account.email)
    assert "already" in subject
    assert account_client.sign_in(account.email, OTHER_PASSWORD).status_code == 401


def test_verification_sets_the_password_of_its_sign_up(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    account_client.sign_up(NEW, OTHER_PASSWORD, "Attacker")
    account_client.sign_up(NEW.upper())
    first, second = mailbox.tokens("verify-email", NEW)
    assert account_client.post("auth/email/verify", key=second).status_code == 401
    assert account_client.sign_in(NEW, OTHER_PASSWORD).status_code == 401
    assert account_client.sign_in(NEW).status_code == 200
    refused = account_client.post("auth/email/verify", key=first)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/key"


def test_verification_link_expires(account_client: AccountClient, mailbox: Mailbox) -> None:
    account_client.sign_up(NEW)
    (token,) = mailbox.tokens("verify-email", NEW)
    age("email_tokens", "expires_at", "24 hours")
    assert account_client.post("auth/email/verify", key=token).status_code == 422


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("elevenchars", "string_too_short"),
        ("x" * 129, "string_too_long"),
        ("password1234", "password_too_common"),
        ("ada lovelace", "password_too_common"),
    ],
)
def test_weak_passwords_are_refused(
    account_client: AccountClient, password: str, code: str
) -> None:
    answer = account_client.sign_up(NEW, password)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/password", code)
    assert not User.objects.exists()


@pytest.mark.committed
def test_concurrent_sign_ups_create_one_account(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    answers = run_concurrently([partial(account_client.sign_up, NEW)] * 6)
    assert {answer.status_code for answer in answers} == {401}
    assert User.objects.filter(email=NEW).count() == 1
    tokens = mailbox.tokens("verify-email", NEW)
    results = run_concurrently(
        [partial(account_client.post, "auth/email/verify", key=t) for t in tokens]
    )
    assert sorted(answer.status_code for answer in results) == [401, *[422] * (len(tokens) - 1)]
