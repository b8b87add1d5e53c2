from functools import partial

import pytest

from app.about import NAME
from app.core.jobs.execution import run_job
from tests.accounts.actors import (
    OTHER_PASSWORD,
    PASSWORD,
    Account,
    Mailbox,
    Visitor,
    actions,
    age,
)
from tests.together import together


async def _reset_token(visitor: Visitor, mailbox: Mailbox, email: str) -> str:
    answer = await visitor.post("password/forgot", email=email)
    assert (answer.status_code, answer.content) == (202, b"")
    return (await mailbox.tokens("reset-password", email))[-1]


async def test_reset_sets_the_password_and_ends_every_session(
    visitor: Visitor, mailbox: Mailbox, account: Account
) -> None:
    access, refresh = await visitor.tokens(account.email)
    token = await _reset_token(visitor, mailbox, account.email.upper().lower())
    assert (await visitor.get("me", access)).status_code == 200
    answer = await visitor.post("password/reset", token=token, password=OTHER_PASSWORD)
    # It does not sign in.
    assert (answer.status_code, answer.content) == (204, b"")
    assert "set-cookie" not in answer.headers
    assert (await visitor.get("me", access)).status_code == 401
    assert (await visitor.post("refresh", refresh_token=refresh)).status_code == 401
    assert (await visitor.sign_in(account.email, PASSWORD)).status_code == 401
    assert (await visitor.sign_in(account.email, OTHER_PASSWORD)).status_code == 200
    assert (await mailbox.subjects(account.email))[-1] == f"Your account at {NAME}"
    assert "password.changed" in await actions()


async def test_no_mail_leaves_before_its_link_is_in_the_database(
    visitor: Visitor, mailbox: Mailbox, account: Account
) -> None:
    """Or else the quickest reader opens a link that does not work yet."""
    await mailbox.run_jobs()
    sent = set(mailbox.folder.iterdir())
    await visitor.post("password/forgot", email=account.email)
    (job_id,) = await mailbox.waiting()
    await run_job(job_id)
    assert set(mailbox.folder.iterdir()) == sent
    assert len(await mailbox.tokens("reset-password", account.email)) == 1


async def test_reset_tokens_work_once_and_expire(
    visitor: Visitor, mailbox: Mailbox, account: Account
) -> None:
    first = await _reset_token(visitor, mailbox, account.email)
    second = await _reset_token(visitor, mailbox, account.email)
    assert (await visitor.post("password/reset", token=first, password=PASSWORD)).is_success
    for used in (first, second):
        answer = await visitor.post("password/reset", token=used, password=OTHER_PASSWORD)
        assert answer.status_code == 422
    third = await _reset_token(visitor, mailbox, account.email)
    await age("email_tokens", "expires_at", "30 minutes")
    answer = await visitor.post("password/reset", token=third, password=OTHER_PASSWORD)
    assert answer.json()["errors"][0]["code"] == "invalid_token"


async def test_a_refused_password_does_not_use_the_token_up(
    visitor: Visitor, mailbox: Mailbox, account: Account
) -> None:
    token = await _reset_token(visitor, mailbox, account.email)
    for weak in ("short", "password1234", "ada.lovelace"):
        answer = await visitor.post("password/reset", token=token, password=weak)
        assert answer.json()["errors"][0]["pointer"] == "/password"
    assert (await visitor.post("password/reset", token=token, password=OTHER_PASSWORD)).is_success


async def test_only_verified_accounts_get_a_reset(visitor: Visitor, mailbox: Mailbox) -> None:
    await visitor.sign_up("pending@example.com")
    for email in ("pending@example.com", "unknown@example.com"):
        answer = await visitor.post("password/forgot", email=email)
        assert (answer.status_code, answer.content) == (202, b"")
        assert await mailbox.tokens("reset-password", email) == []


@pytest.mark.committed
async def test_of_parallel_resets_one_wins(
    visitor: Visitor, mailbox: Mailbox, account: Account
) -> None:
    token = await _reset_token(visitor, mailbox, account.email)
    passwords = [f"{OTHER_PASSWORD} {number}" for number in range(4)]
    answers = await together(
        partial(visitor.post, "password/reset", token=token, password=item) for item in passwords
    )
    assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422]
    works = [(await visitor.sign_in(account.email, item)).is_success for item in passwords]
    assert works == [answer.is_success for answer in answers]


async def test_change_ends_the_other_sessions(visitor: Visitor, account: Account) -> None:
    here, _ = await visitor.tokens(account.email)
    there, _ = await visitor.tokens(account.email)
    wrong = await visitor.post(
        "password/change", here, current_password=OTHER_PASSWORD, new_password=OTHER_PASSWORD
    )
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "wrong_password")
    weak = await visitor.post(
        "password/change", here, current_password=PASSWORD, new_password="password1234"
    )
    assert weak.json()["errors"][0]["pointer"] == "/new_password"
    assert (await visitor.get("me", there)).status_code == 200

    changed = await visitor.post(
        "password/change", here, current_password=PASSWORD, new_password=OTHER_PASSWORD
    )
    assert changed.status_code == 204
    assert (await visitor.get("me", here)).status_code == 200
    assert (await visitor.get("me", there)).status_code == 401
    assert (await visitor.sign_in(account.email, PASSWORD)).status_code == 401
    assert (await visitor.sign_in(account.email, OTHER_PASSWORD)).status_code == 200


@pytest.mark.committed
async def test_no_session_outlives_a_change_that_it_raced(
    visitor: Visitor, account: Account
) -> None:
    here, _ = await visitor.tokens(account.email)
    change = partial(
        visitor.post,
        "password/change",
        here,
        current_password=PASSWORD,
        new_password=OTHER_PASSWORD,
    )
    sign_in = partial(visitor.sign_in, account.email, PASSWORD)
    changed, *sign_ins = await together([change, *[sign_in] * 4])
    assert changed.status_code == 204
    for answer in sign_ins:
        if answer.is_success:
            access = answer.json()["access_token"]
            assert (await visitor.get("me", access)).status_code == 401
