import time
from dataclasses import dataclass
from functools import partial

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

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
def protected(account_client: AccountClient, account: Account) -> Protected:
    access, _ = account_client.tokens(account.email)
    setup = account_client.post("totp", access)
    assert setup.status_code == 201
    app = pyotp.TOTP(setup.json()["secret"])
    # The step before, so that two more are left for the test.
    code = app.at(int(time.time()) - 30)
    confirmed = account_client.post("totp/confirm", access, code=code)
    assert confirmed.status_code == 200, confirmed.text
    codes = confirmed.json()["recovery_codes"]
    return Protected(account.email, access, app, code, codes)


def test_nothing_is_due_before_the_confirmation(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    first = account_client.post("totp", access).json()
    second = account_client.post("totp", access).json()
    assert first["secret"] != second["secret"]
    assert second["otpauth_uri"].startswith("otpauth://totp/")
    assert (account_client.sign_in(account.email)).status_code == 200
    old_code = pyotp.TOTP(first["secret"]).now()
    refused = account_client.post("totp/confirm", access, code=old_code)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "wrong_code")
    code = pyotp.TOTP(second["secret"]).now()
    assert (account_client.post("totp/confirm", access, code=code)).status_code == 200
    assert (account_client.post("totp/confirm", access, code=code)).status_code == 409
    assert (account_client.post("totp", access)).status_code == 409
    assert (account_client.get("me", access)).json()["totp_enabled"] is True


def test_secret_and_codes_are_not_readable_in_the_database(
    protected: Protected, session: Session
) -> None:
    stored = session.scalar(text("SELECT totp_secret FROM users"))
    assert protected.app.secret.encode() not in stored
    hashes = list(session.scalars(text("SELECT code_hash FROM recovery_codes")))
    assert len(hashes) == 10
    assert not {code.encode() for code in protected.recovery_codes} & set(hashes)


def test_sign_in_asks_for_a_code_once_the_password_is_right(
    account_client: AccountClient, protected: Protected
) -> None:
    missing = account_client.sign_in(protected.email)
    assert missing.status_code == 401
    assert missing.json()["type"] == "/problems/mfa-required"
    wrong = account_client.sign_in(protected.email, OTHER_PASSWORD, totp_code=protected.code())
    assert wrong.json()["type"] == "/problems/unauthenticated"
    # The code was not looked at, so it is not used up.
    account_client.tokens(protected.email, totp_code=protected.code())


def test_a_code_works_once(account_client: AccountClient, protected: Protected) -> None:
    code = protected.code(ahead=0)
    account_client.tokens(protected.email, totp_code=code)
    for used in (code, protected.confirmed_with):
        again = account_client.sign_in(protected.email, totp_code=used)
        assert again.json()["type"] == "/problems/mfa-required"
    account_client.tokens(protected.email, totp_code=protected.code())


def test_a_recovery_code_works_once(
    account_client: AccountClient, protected: Protected, mailbox: Mailbox
) -> None:
    first, second, *_ = protected.recovery_codes
    account_client.tokens(protected.email, recovery_code=first.upper())
    again = account_client.sign_in(protected.email, recovery_code=first)
    assert again.json()["type"] == "/problems/mfa-required"
    account_client.tokens(protected.email, recovery_code=second.replace("-", " "))
    assert (actions()).count("recovery_code.used") == 2
    assert len(mailbox.subjects(protected.email)) == 3


@pytest.mark.committed
@pytest.mark.parametrize("kind", ["totp_code", "recovery_code"])
def test_of_parallel_uses_of_a_code_one_wins(
    account_client: AccountClient, protected: Protected, kind: str
) -> None:
    code = protected.code() if kind == "totp_code" else protected.recovery_codes[0]
    responses = run_concurrently(
        partial(account_client.sign_in, protected.email, **{kind: code}) for _ in range(5)
    )
    assert sorted(response.status_code for response in responses) == [200, *[401] * 4]


def test_reset_does_not_pass_the_second_factor(
    account_client: AccountClient, protected: Protected, mailbox: Mailbox
) -> None:
    account_client.post("password/forgot", email=protected.email)
    (token,) = mailbox.tokens("reset-password", protected.email)
    assert (account_client.post("password/reset", token=token, password=OTHER_PASSWORD)).is_success
    due = account_client.sign_in(protected.email, OTHER_PASSWORD)
    assert due.json()["type"] == "/problems/mfa-required"
    account_client.tokens(protected.email, OTHER_PASSWORD, totp_code=protected.code())


def test_removing_needs_the_password(account_client: AccountClient, protected: Protected) -> None:
    def remove(password: str) -> int:
        response = account_client.client.request(
            "DELETE",
            "/api/v1/auth/totp",
            json={"password": password},
            headers={"Authorization": f"Bearer {protected.access}"},
        )
        return response.status_code

    assert remove(OTHER_PASSWORD) == 422
    assert (account_client.sign_in(protected.email)).status_code == 401
    assert remove(PASSWORD) == 204
    assert remove(PASSWORD) == 409
    account_client.tokens(protected.email)
    # The old codes do not come back with a new secret.
    setup = account_client.post("totp", protected.access).json()
    code = pyotp.TOTP(setup["secret"]).now()
    assert (account_client.post("totp/confirm", protected.access, code=code)).is_success
    old = account_client.sign_in(protected.email, recovery_code=protected.recovery_codes[0])
    assert old.status_code == 401


def test_a_repeated_confirmation_shows_the_codes_again(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    secret = account_client.post("totp", access).json()["secret"]
    headers = {"Authorization": f"Bearer {access}", "Idempotency-Key": "confirm-1"}
    body = {"code": pyotp.TOTP(secret).now()}
    first, second = [
        account_client.client.post("/api/v1/auth/totp/confirm", json=body, headers=headers)
        for _ in range(2)
    ]
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "\x00" * 6])
def test_malformed_codes(account_client: AccountClient, protected: Protected, code: str) -> None:
    response = account_client.sign_in(protected.email, totp_code=code)
    assert response.status_code == 422
    response = account_client.sign_in(protected.email, recovery_code=code)
    assert response.status_code in {401, 422}
