"""The second factor: TOTP codes (RFC 6238) and recovery codes, each valid once."""

import time
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from .concurrency import run_concurrently
from .drivers import Driver, Outcome
from .factories import Account, Factory
from .mailbox import Mailbox
from .problems import assert_problem


class AuthenticatorApp:
    """A TOTP app; returns each code only once, since the service accepts it only once."""

    def __init__(self, secret: str) -> None:
        self.totp = pyotp.TOTP(secret)
        self.used = 0

    def code(self) -> str:
        """Return the code of an unused time step, at most one step ahead of the clock."""
        self.used = max(self.used + 1, int(time.time()) // 30)
        while self.used > int(time.time()) // 30 + 1:
            time.sleep(0.5)
        return self.totp.at(self.used * 30)

    def wrong_code(self) -> str:
        """Return a code that is invalid for every step within five minutes."""
        now = int(time.time()) // 30
        near = {self.totp.at((now + offset) * 30) for offset in range(-10, 11)}
        return next(code for code in map("{:06}".format, range(100)) if code not in near)


class TotpAccount:
    """An account with confirmed TOTP."""

    def __init__(self, account: Account, driver: Driver) -> None:
        self.account = account
        started = driver.begin_totp(account.access())
        assert started.ok, started.response.text
        self.secret, self.uri = started.secret, started.otpauth_uri
        self.app = AuthenticatorApp(self.secret)
        self.last_code = self.app.code()
        confirmed = driver.confirm_totp(account.access(), self.last_code)
        assert confirmed.ok, confirmed.response.text
        self.recovery_codes = confirmed.recovery_codes


@pytest.fixture
def totp_account(factory: Factory, driver: Driver) -> TotpAccount:
    return TotpAccount(factory.register("careful"), driver)


def test_totp_is_required_after_confirmation(factory: Factory, driver: Driver) -> None:
    account = factory.register("careful")
    access = account.access()
    started = driver.begin_totp(access)
    uri = urlsplit(started.otpauth_uri)
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parse_qs(uri.query)["secret"] == [started.secret]
    assert len(started.secret) >= 32, "expected a secret of 160 bits (RFC 4226, section 4)"
    app = AuthenticatorApp(started.secret)
    # The second factor is not required before confirmation.
    assert driver.confirm_totp(access, app.wrong_code()).outcome is Outcome.REFUSED
    assert driver.sign_in(account.email, account.password).ok
    confirmed = driver.confirm_totp(access, app.code())
    assert len(set(confirmed.recovery_codes)) >= 8
    assert all(len(code) >= 8 for code in confirmed.recovery_codes)
    assert driver.sign_in(account.email, account.password).outcome is Outcome.MFA_REQUIRED
    # A stolen session must not be able to replace the factor.
    again = driver.begin_totp(access)
    assert_problem(again.response, 409, "conflict")


def test_totp_codes_work_once(totp_account: TotpAccount, driver: Driver) -> None:
    email, password = totp_account.account.email, totp_account.account.password

    def sign_in(code: str) -> Outcome:
        return driver.sign_in(email, password, totp_code=code).outcome

    # The code that confirmed the set-up is consumed as well.
    assert sign_in(totp_account.last_code) is not Outcome.OK
    assert sign_in(totp_account.app.wrong_code()) is not Outcome.OK
    code = totp_account.app.code()
    outcomes = run_concurrently([lambda: sign_in(code)] * 4)
    assert outcomes.count(Outcome.OK) == 1
    assert sign_in(code) is not Outcome.OK


def test_recovery_codes_work_once(totp_account: TotpAccount, driver: Driver) -> None:
    email, password = totp_account.account.email, totp_account.account.password
    first, second = totp_account.recovery_codes[:2]

    def sign_in(code: str) -> Outcome:
        return driver.sign_in(email, password, recovery_code=code).outcome

    outcomes = run_concurrently([lambda: sign_in(first)] * 4)
    assert outcomes.count(Outcome.OK) == 1
    assert sign_in(first) is not Outcome.OK
    assert sign_in("aaaa-aaaa-aaaa") is not Outcome.OK
    assert sign_in(second) is Outcome.OK


def test_wrong_password_does_not_reveal_the_second_factor(
    totp_account: TotpAccount, driver: Driver, factory: Factory
) -> None:
    email = totp_account.account.email
    wrong = factory.password()
    without = driver.sign_in(email, wrong)
    with_code = driver.sign_in(email, wrong, totp_code=totp_account.app.code())
    with_recovery = driver.sign_in(email, wrong, recovery_code=totp_account.recovery_codes[0])
    # A wrong password does not reveal that a second factor exists.
    assert {without.outcome, with_code.outcome, with_recovery.outcome} == {Outcome.REFUSED}
    assert driver.sign_in(
        email, totp_account.account.password, recovery_code=totp_account.recovery_codes[0]
    ).ok


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12 456", "\x00" * 6])
def test_malformed_codes_are_rejected(totp_account: TotpAccount, driver: Driver, code: str) -> None:
    email, password = totp_account.account.email, totp_account.account.password
    result = driver.sign_in(email, password, totp_code=code)
    assert result.response.status_code in (401, 422)
    result = driver.sign_in(email, password, recovery_code=code)
    assert result.response.status_code in (401, 422)


def test_password_reset_does_not_bypass_the_second_factor(
    totp_account: TotpAccount, driver: Driver, factory: Factory, mailbox: Mailbox
) -> None:
    email, new = totp_account.account.email, factory.password()
    assert driver.forgot(email).ok
    assert driver.reset(mailbox.token("reset-password", email), new).ok
    assert driver.sign_in(email, new).outcome is Outcome.MFA_REQUIRED
    assert driver.sign_in(email, new, totp_code=totp_account.app.code()).ok


def test_removing_totp_requires_the_password(
    totp_account: TotpAccount, driver: Driver, factory: Factory
) -> None:
    account = totp_account.account
    access = account.access()
    wrong = driver.remove_totp(access, factory.password())
    assert wrong.outcome is Outcome.REFUSED
    assert driver.sign_in(account.email, account.password).outcome is Outcome.MFA_REQUIRED
    assert driver.remove_totp(access, account.password).ok
    assert driver.sign_in(account.email, account.password).ok
    # A new set-up has a new secret and new recovery codes.
    renewed = TotpAccount(account, driver)
    assert renewed.secret != totp_account.secret
    assert not set(renewed.recovery_codes) & set(totp_account.recovery_codes)
    old = driver.sign_in(
        account.email, account.password, recovery_code=totp_account.recovery_codes[0]
    )
    assert old.outcome is not Outcome.OK
