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
class TotpAccount:
    """An account with a second factor, and what its owner knows."""

    email: str
    access: str
    totp: pyotp.TOTP
    used_code: str
    recovery_codes: list[str]

    def code(self, *, steps_ahead: int = 1) -> str:
        """Return the code of this time step or a later one."""
        return self.totp.at(int(time.time()) + 30 * steps_ahead)


@pytest.fixture
def totp_account(account_client: AccountClient, account: Account) -> TotpAccount:
    access, _ = account_client.tokens(account.email)
    setup = account_client.post("totp", access)
    assert setup.status_code == 201
    totp = pyotp.TOTP(setup.json()["secret"])
    # The previous step: the codes of this step and the next are left for the test.
    code = totp.at(int(time.time()) - 30)
    confirmed = account_client.post("totp/confirm", access, code=code)
    assert confirmed.status_code == 200, confirmed.text
    codes = confirmed.json()["recovery_codes"]
    return TotpAccount(account.email, access, totp, code, codes)


def test_second_factor_is_not_required_before_confirmation(
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


def test_secret_is_stored_encrypted_and_codes_hashed(
    totp_account: TotpAccount, session: Session
) -> None:
    stored = session.scalar(text("SELECT totp_secret FROM users"))
    assert totp_account.totp.secret.encode() not in stored
    hashes = list(session.scalars(text("SELECT code_hash FROM recovery_codes")))
    assert len(hashes) == 10
    assert not {code.encode() for code in totp_account.recovery_codes} & set(hashes)


def test_sign_in_requires_a_code_after_the_right_password(
    account_client: AccountClient, totp_account: TotpAccount
) -> None:
    missing = account_client.sign_in(totp_account.email)
    assert missing.status_code == 401
    assert missing.json()["type"] == "/problems/mfa-required"
    wrong = account_client.sign_in(
        totp_account.email, OTHER_PASSWORD, totp_code=totp_account.code()
    )
    assert wrong.json()["type"] == "/problems/unauthenticated"
    # The code was not checked, so it is not consumed.
    account_client.tokens(totp_account.email, totp_code=totp_account.code())


def test_totp_code_works_once(account_client: AccountClient, totp_account: TotpAccount) -> None:
    code = totp_account.code(steps_ahead=0)
    account_client.tokens(totp_account.email, totp_code=code)
    for used in (code, totp_account.used_code):
        again = account_client.sign_in(totp_account.email, totp_code=used)
        assert again.json()["type"] == "/problems/mfa-required"
    account_client.tokens(totp_account.email, totp_code=totp_account.code())


def test_recovery_code_works_once(
    account_client: AccountClient, totp_account: TotpAccount, mailbox: Mailbox
) -> None:
    first, second, *_ = totp_account.recovery_codes
    account_client.tokens(totp_account.email, recovery_code=first.upper())
    again = account_client.sign_in(totp_account.email, recovery_code=first)
    assert again.json()["type"] == "/problems/mfa-required"
    account_client.tokens(totp_account.email, recovery_code=second.replace("-", " "))
    assert (actions()).count("recovery_code.used") == 2
    assert len(mailbox.subjects(totp_account.email)) == 3


@pytest.mark.committed
@pytest.mark.parametrize("kind", ["totp_code", "recovery_code"])
def test_concurrent_uses_of_a_code_succeed_once(
    account_client: AccountClient, totp_account: TotpAccount, kind: str
) -> None:
    code = totp_account.code() if kind == "totp_code" else totp_account.recovery_codes[0]
    responses = run_concurrently(
        partial(account_client.sign_in, totp_account.email, **{kind: code}) for _ in range(5)
    )
    assert sorted(response.status_code for response in responses) == [200, *[401] * 4]


def test_password_reset_does_not_bypass_the_second_factor(
    account_client: AccountClient, totp_account: TotpAccount, mailbox: Mailbox
) -> None:
    account_client.post("password/forgot", email=totp_account.email)
    (token,) = mailbox.tokens("reset-password", totp_account.email)
    assert (account_client.post("password/reset", token=token, password=OTHER_PASSWORD)).is_success
    required = account_client.sign_in(totp_account.email, OTHER_PASSWORD)
    assert required.json()["type"] == "/problems/mfa-required"
    account_client.tokens(totp_account.email, OTHER_PASSWORD, totp_code=totp_account.code())


def test_removing_the_second_factor_requires_the_password(
    account_client: AccountClient, totp_account: TotpAccount
) -> None:
    def remove(password: str) -> int:
        response = account_client.client.request(
            "DELETE",
            "/api/v1/auth/totp",
            json={"password": password},
            headers={"Authorization": f"Bearer {totp_account.access}"},
        )
        return response.status_code

    assert remove(OTHER_PASSWORD) == 422
    assert (account_client.sign_in(totp_account.email)).status_code == 401
    assert remove(PASSWORD) == 204
    assert remove(PASSWORD) == 409
    account_client.tokens(totp_account.email)
    # The old recovery codes stay invalid after a new secret is confirmed.
    setup = account_client.post("totp", totp_account.access).json()
    code = pyotp.TOTP(setup["secret"]).now()
    assert (account_client.post("totp/confirm", totp_account.access, code=code)).is_success
    old = account_client.sign_in(totp_account.email, recovery_code=totp_account.recovery_codes[0])
    assert old.status_code == 401


def test_idempotent_confirmation_returns_the_same_recovery_codes(
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
def test_malformed_codes_are_rejected(
    account_client: AccountClient, totp_account: TotpAccount, code: str
) -> None:
    response = account_client.sign_in(totp_account.email, totp_code=code)
    assert response.status_code == 422
    response = account_client.sign_in(totp_account.email, recovery_code=code)
    assert response.status_code in {401, 422}
