from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

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


async def test_sign_up_verify_and_sign_in(account_client: AccountClient, mailbox: Mailbox) -> None:
    response = await account_client.sign_up("Ada@Example.com")
    assert (response.status_code, response.json()) == (202, ACCEPTED)
    assert (await account_client.sign_in("ada@example.com")).status_code == 401
    (token,) = await mailbox.tokens("verify-email", "ada@example.com")
    verified = await account_client.post("verify-email", token=token)
    assert (verified.status_code, verified.content) == (204, b"")
    access, _ = await account_client.tokens("ADA@example.com")
    me = (await account_client.get("me", access)).json()
    assert (me["email"], me["name"]) == ("ada@example.com", "Ada Lovelace")
    # The token works once.
    again = await account_client.post("verify-email", token=token)
    assert again.status_code == 422
    assert again.json()["errors"][0]["code"] == "invalid_token"


async def test_sign_up_response_does_not_reveal_an_existing_account(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    new = await account_client.sign_up("new@example.com")
    known = await account_client.sign_up(account.email, OTHER_PASSWORD, "Mallory")
    assert (new.status_code, new.content) == (known.status_code, known.content)
    assert await mailbox.subjects(account.email) == [f"You already have an account at {NAME}"]
    assert (await account_client.sign_in(account.email, OTHER_PASSWORD)).status_code == 401
    access, _ = await account_client.tokens(account.email)
    assert (await account_client.get("me", access)).json()["name"] == "Ada Lovelace"


async def test_verification_link_sets_the_password_of_its_own_sign_up(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    await account_client.sign_up("ada@example.com", OTHER_PASSWORD, "Mallory")
    await account_client.sign_up("ada@example.com", PASSWORD, "Ada")
    mallorys, adas = await mailbox.tokens("verify-email", "ada@example.com")
    assert (await account_client.post("verify-email", token=adas)).status_code == 204
    assert (await account_client.sign_in("ada@example.com", OTHER_PASSWORD)).status_code == 401
    access, _ = await account_client.tokens("ada@example.com", PASSWORD)
    assert (await account_client.get("me", access)).json()["name"] == "Ada"
    # The other sign-up is void.
    assert (await account_client.post("verify-email", token=mallorys)).status_code == 422
    assert (await account_client.sign_in("ada@example.com", OTHER_PASSWORD)).status_code == 401


async def test_resent_link_verifies_a_single_sign_up(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    await account_client.sign_up("ada@example.com")
    await mailbox.run_jobs()
    await backdate("email_tokens", "expires_at", "2 days")
    response = await account_client.post("verify-email/resend", email="Ada@example.com")
    assert (response.status_code, response.json()) == (202, ACCEPTED)
    expired, fresh = await mailbox.tokens("verify-email", "ada@example.com")
    assert (await account_client.post("verify-email", token=expired)).status_code == 422
    assert (await account_client.post("verify-email", token=fresh)).status_code == 204
    assert (await account_client.sign_in("ada@example.com")).status_code == 200


async def test_resent_link_sets_no_password_after_several_sign_ups(
    account_client: AccountClient, mailbox: Mailbox
) -> None:
    await account_client.sign_up("ada@example.com", PASSWORD)
    await account_client.sign_up("ada@example.com", OTHER_PASSWORD, "Mallory")
    await account_client.post("verify-email/resend", email="ada@example.com")
    *_, resent = await mailbox.tokens("verify-email", "ada@example.com")
    assert (await account_client.post("verify-email", token=resent)).status_code == 204
    for password in (PASSWORD, OTHER_PASSWORD):
        assert (await account_client.sign_in("ada@example.com", password)).status_code == 401
    await account_client.post("password/forgot", email="ada@example.com")
    (reset,) = await mailbox.tokens("reset-password", "ada@example.com")
    assert (await account_client.post("password/reset", token=reset, password=PASSWORD)).is_success
    assert (await account_client.sign_in("ada@example.com", PASSWORD)).status_code == 200


async def test_resend_response_does_not_reveal_an_account(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    for email in (account.email, "unknown@example.com"):
        response = await account_client.post("verify-email/resend", email=email)
        assert (response.status_code, response.json()) == (202, ACCEPTED)
        assert await mailbox.subjects(email) == []


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
async def test_weak_passwords_are_rejected(
    account_client: AccountClient, password: str, code: str
) -> None:
    response = await account_client.sign_up("ada@example.com", password)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/password", code)
    assert password not in response.text


async def test_other_tokens_do_not_verify_an_address(
    account_client: AccountClient, mailbox: Mailbox, account: Account
) -> None:
    access, refresh = await account_client.tokens(account.email)
    await account_client.post("password/forgot", email=account.email)
    (reset,) = await mailbox.tokens("reset-password", account.email)
    for token in (access, refresh, reset, "x", "\x00", "é"):
        assert (await account_client.post("verify-email", token=token)).status_code == 422


@pytest.mark.committed
async def test_concurrent_sign_ups_create_one_account(
    account_client: AccountClient, mailbox: Mailbox, session: AsyncSession
) -> None:
    responses = await run_concurrently(
        partial(account_client.sign_up, "ada@example.com") for _ in range(6)
    )
    assert {response.status_code for response in responses} == {202}
    assert await session.scalar(text("SELECT count(*) FROM users")) == 1
    tokens = await mailbox.tokens("verify-email", "ada@example.com")
    verified = await run_concurrently(
        partial(account_client.post, "verify-email", token=token) for token in tokens
    )
    assert sorted(response.status_code for response in verified) == [
        204,
        *[422] * (len(tokens) - 1),
    ]
    assert (await account_client.sign_in("ada@example.com")).status_code == 200


async def test_purge_deletes_unverified_accounts(
    account_client: AccountClient, mailbox: Mailbox, account: Account, session: AsyncSession
) -> None:
    await account_client.sign_up("new@example.com")
    await mailbox.run_jobs()
    await backdate("users", "created_at", "60 days")
    await _purge()
    assert await session.scalar(text("SELECT count(*) FROM users")) == 2
    await session.commit()
    await backdate("email_tokens", "expires_at", "9 days")
    await _purge()
    assert await session.scalar(text("SELECT email FROM users")) == account.email


async def _purge() -> None:
    async with unit_of_work() as session:
        await service.purge(session)
