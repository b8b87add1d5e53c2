import time
from dataclasses import dataclass
from functools import partial

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.accounts.account_client import (
    OTHER_PASSWORD,
    PASSWORD,
    Account,
    AccountClient,
    Mailbox,
    actions,
)
from tests.concurrency import run_concurrently


@dataclass
class Protected:
    """What the owner of an account with a second factor holds."""

    email: str
    access: str
    app: pyotp.TOTP
    confirmed_with: str
    recovery_codes: list[str]

    def code(self, *, ahead: int = 1) -> str:
        """Show a code of this or a later step."""
        return self.app.at(int(time.time()) + 30 * ahead)


@pytest.fixture
async def protected(account_client: AccountClient, account: Account) -> Protected:
    access, _ = await account_client.tokens(account.email)
    setup = await account_client.post("totp", access)
    assert setup.status_code == 201
    app = pyotp.TOTP(setup.json()["secret"])
    # The step before, so that two more are left for the test.
    code = app.at(int(time.time()) - 30)
    confirmed = await account_client.post("totp/confirm", access, code=code)
    assert confirmed.status_code == 200, confirmed.text
    codes = confirmed.json()["recovery_codes"]
    return Protected(account.email, access, app, code, codes)


async def test_nothing_is_due_before_the_confirmation(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = await account_client.tokens(account.email)
    first = (await account_client.post("totp", access)).json()
    second = (await account_client.post("totp", access)).json()
    assert first["secret"] != second["secret"]
    assert second["otpauth_uri"].startswith("otpauth://totp/")
    assert (await account_client.sign_in(account.email)).status_code == 200
    old_code = pyotp.TOTP(first["secret"]).now()
    refused = await account_client.post("totp/confirm", access, code=old_code)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "wrong_code")
    code = pyotp.TOTP(second["secret"]).now()
    assert (await account_client.post("totp/confirm", access, code=code)).status_code == 200
    assert (await account_client.post("totp/confirm", access, code=code)).status_code == 409
    assert (await account_client.post("totp", access)).status_code == 409
    assert (await account_client.get("me", access)).json()["totp_enabled"] is True


async def test_secret_and_codes_are_not_readable_in_the_database(
    protected: Protected, session: AsyncSession
) -> None:
    stored = await session.scalar(text("SELECT totp_secret FROM users"))
    assert protected.app.secret.encode() not in stored
    hashes = list(await session.scalars(text("SELECT code_hash FROM recovery_codes")))
    assert len(hashes) == 10
    assert not {code.encode() for code in protected.recovery_codes} & set(hashes)


async def test_sign_in_asks_for_a_code_once_the_password_is_right(
    account_client: AccountClient, protected: Protected
) -> None:
    missing = await account_client.sign_in(protected.email)
    assert missing.status_code == 401
    assert missing.json()["type"] == "/problems/mfa-required"
    wrong = await account_client.sign_in(
        protected.email, OTHER_PASSWORD, totp_code=protected.code()
    )
    assert wrong.json()["type"] == "/problems/unauthenticated"
    # The code was not looked at, so it is not used up.
    await account_client.tokens(protected.email, totp_code=protected.code())


async def test_a_code_works_once(account_client: AccountClient, protected: Protected) -> None:
    code = protected.code(ahead=0)
    await account_client.tokens(protected.email, totp_code=code)
    for used in (code, protected.confirmed_with):
        again = await account_client.sign_in(protected.email, totp_code=used)
        assert again.json()["type"] == "/problems/mfa-required"
    await account_client.tokens(protected.email, totp_code=protected.code())


async def test_a_recovery_code_works_once(
    account_client: AccountClient, protected: Protected, mailbox: Mailbox
) -> None:
    first, second, *_ = protected.recovery_codes
    await account_client.tokens(protected.email, recovery_code=first.upper())
    again = await account_client.sign_in(protected.email, recovery_code=first)
    assert again.json()["type"] == "/problems/mfa-required"
    await account_client.tokens(protected.email, recovery_code=second.replace("-", " "))
    assert (await actions()).count("recovery_code.used") == 2
    assert len(await mailbox.subjects(protected.email)) == 3


@pytest.mark.committed
@pytest.mark.parametrize("kind", ["totp_code", "recovery_code"])
async def test_of_parallel_uses_of_a_code_one_wins(
    account_client: AccountClient, protected: Protected, kind: str
) -> None:
    code = protected.code() if kind == "totp_code" else protected.recovery_codes[0]
    responses = await run_concurrently(
        partial(account_client.sign_in, protected.email, **{kind: code}) for _ in range(5)
    )
    assert sorted(response.status_code for response in responses) == [200, *[401] * 4]


async def test_reset_does_not_pass_the_second_factor(
    account_client: AccountClient, protected: Protected, mailbox: Mailbox
) -> None:
    await account_client.post("password/forgot", email=protected.email)
    (token,) = await mailbox.tokens("reset-password", protected.email)
    assert (
        await account_client.post("password/reset", token=token, password=OTHER_PASSWORD)
    ).is_success
    due = await account_client.sign_in(protected.email, OTHER_PASSWORD)
    assert due.json()["type"] == "/problems/mfa-required"
    await account_client.tokens(protected.email, OTHER_PASSWORD, totp_code=protected.code())


async def test_removing_needs_the_password(
    account_client: AccountClient, protected: Protected
) -> None:
    async def remove(password: str) -> int:
        response = await account_client.client.request(
            "DELETE",
            "/api/v1/auth/totp",
            json={"password": password},
            headers={"Authorization": f"Bearer {protected.access}"},
        )
        return response.status_code

    assert await remove(OTHER_PASSWORD) == 422
    assert (await account_client.sign_in(protected.email)).status_code == 401
    assert await remove(PASSWORD) == 204
    assert await remove(PASSWORD) == 409
    await account_client.tokens(protected.email)
    # The old codes do not come back with a new secret.
    setup = (await account_client.post("totp", protected.access)).json()
    code = pyotp.TOTP(setup["secret"]).now()
    assert (await account_client.post("totp/confirm", protected.access, code=code)).is_success
    old = await account_client.sign_in(protected.email, recovery_code=protected.recovery_codes[0])
    assert old.status_code == 401


async def test_a_repeated_confirmation_shows_the_codes_again(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = await account_client.tokens(account.email)
    secret = (await account_client.post("totp", access)).json()["secret"]
    headers = {"Authorization": f"Bearer {access}", "Idempotency-Key": "confirm-1"}
    body = {"code": pyotp.TOTP(secret).now()}
    first, second = [
        await account_client.client.post("/api/v1/auth/totp/confirm", json=body, headers=headers)
        for _ in range(2)
    ]
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "\x00" * 6])
async def test_malformed_codes(
    account_client: AccountClient, protected: Protected, code: str
) -> None:
    response = await account_client.sign_in(protected.email, totp_code=code)
    assert response.status_code == 422
    response = await account_client.sign_in(protected.email, recovery_code=code)
    assert response.status_code in {401, 422}
