from functools import partial

import pytest

from app.about import NAME
from app.core.jobs.execution import run_job
from tests.accounts.account_client import (
    ACCEPTED,
    OTHER_PASSWORD,
    PASSWORD,
    Account,
    AccountClient,
    Mailbox,
    actions,
    backdate,
)
from tests.concurrency import run_concurrently


def _reset_token(account_client: AccountClient, mailbox: Mailbox, email: str) -> str:
    response = account_client.post("password/forgot", email=email)
    assert (response.status_code, response.json()) == (202, ACCEPTED)
    return (mailbox.tokens("reset-password", email))[-1]


def test_reset_sets_the_password_and_ends_all_sessions(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    access, refresh = account_client.tokens(account.email)
    token = _reset_token(account_client, mailbox, account.email.upper().lower())
    assert (account_client.get("me", access)).status_code == 200
    response = account_client.post("password/reset", token=token, password=OTHER_PASSWORD)
    assert (response.status_code, response.content) == (204, b"")
    assert "set-cookie" not in response.headers
    assert (account_client.get("me", access)).status_code == 401
    assert (account_client.post("refresh", refresh_token=refresh)).status_code == 401
    assert (account_client.sign_in(account.email, PASSWORD)).status_code == 401
    assert (account_client.sign_in(account.email, OTHER_PASSWORD)).status_code == 200
    assert (mailbox.subjects(account.email))[-1] == f"Your account at {NAME}"
    assert "password.changed" in actions()


def test_mail_is_sent_after_its_token_is_stored(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    """A link that is opened at once must work."""
    mailbox.run_jobs()
    before = set(mailbox.folder.iterdir())
    account_client.post("password/forgot", email=account.email)
    (job_id,) = mailbox.pending_jobs()
    run_job(job_id)
    assert set(mailbox.folder.iterdir()) == before
    assert len(mailbox.tokens("reset-password", account.email)) == 1


def test_reset_tokens_work_once_and_expire(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    first = _reset_token(account_client, mailbox, account.email)
    second = _reset_token(account_client, mailbox, account.email)
    assert (account_client.post("password/reset", token=first, password=PASSWORD)).is_success
    for used in (first, second):
        response = account_client.post("password/reset", token=used, password=OTHER_PASSWORD)
        assert response.status_code == 422
    third = _reset_token(account_client, mailbox, account.email)
    backdate("email_tokens", "expires_at", "30 minutes")
    response = account_client.post("password/reset", token=third, password=OTHER_PASSWORD)
    assert response.json()["errors"][0]["code"] == "invalid_token"


def test_rejected_password_does_not_consume_the_reset_token(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    token = _reset_token(account_client, mailbox, account.email)
    for weak in ("short", "password1234", "ada.lovelace"):
        response = account_client.post("password/reset", token=token, password=weak)
        assert response.json()["errors"][0]["pointer"] == "/password"
    assert (account_client.post("password/reset", token=token, password=OTHER_PASSWORD)).is_success


def test_reset_mail_is_sent_to_verified_accounts_only(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    account_client.sign_up("pending@example.com")
    for email in ("pending@example.com", "unknown@example.com"):
        response = account_client.post("password/forgot", email=email)
        assert (response.status_code, response.json()) == (202, ACCEPTED)
        assert mailbox.tokens("reset-password", email) == []


@pytest.mark.committed
def test_concurrent_resets_succeed_once(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    token = _reset_token(account_client, mailbox, account.email)
    passwords = [f"{OTHER_PASSWORD} {number}" for number in range(4)]
    responses = run_concurrently(
        partial(account_client.post, "password/reset", token=token, password=item)
        for item in passwords
    )
    assert sorted(response.status_code for response in responses) == [204, 422, 422, 422]
    works = [account_client.sign_in(account.email, item).is_success for item in passwords]
    assert works == [response.is_success for response in responses]


def test_password_change_ends_the_other_sessions(
    account_client: AccountClient, account: Account
) -> None:
    here, _ = account_client.tokens(account.email)
    there, _ = account_client.tokens(account.email)
    wrong = account_client.post(
        "password/change", here, current_password=OTHER_PASSWORD, new_password=OTHER_PASSWORD
    )
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "wrong_password")
    weak = account_client.post(
        "password/change", here, current_password=PASSWORD, new_password="password1234"
    )
    assert weak.json()["errors"][0]["pointer"] == "/new_password"
    assert (account_client.get("me", there)).status_code == 200

    changed = account_client.post(
        "password/change", here, current_password=PASSWORD, new_password=OTHER_PASSWORD
    )
    assert changed.status_code == 204
    assert (account_client.get("me", here)).status_code == 200
    assert (account_client.get("me", there)).status_code == 401
    assert (account_client.sign_in(account.email, PASSWORD)).status_code == 401
    assert (account_client.sign_in(account.email, OTHER_PASSWORD)).status_code == 200


@pytest.mark.committed
def test_sign_in_racing_a_password_change_leaves_no_session(
    account_client: AccountClient, account: Account
) -> None:
    here, _ = account_client.tokens(account.email)
    change = partial(
        account_client.post,
        "password/change",
        here,
        current_password=PASSWORD,
        new_password=OTHER_PASSWORD,
    )
    sign_in = partial(account_client.sign_in, account.email, PASSWORD)
    changed, *sign_ins = run_concurrently([change, *[sign_in] * 4])
    assert changed.status_code == 204
    for response in sign_ins:
        if response.is_success:
            access = response.json()["access_token"]
            assert (account_client.get("me", access)).status_code == 401
