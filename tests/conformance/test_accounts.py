"""Accounts: sign-up to sign-out, without revealing which addresses have accounts."""

import statistics
import time
from collections.abc import Callable

import pytest

from .concurrency import map_concurrently, run_concurrently
from .drivers import Driver, Outcome, Result, bearer
from .factories import Account, Factory
from .mailbox import Mailbox
from .problems import assert_problem, same_response
from .service import ManagedService


def access_is_refused(driver: Driver, access: str) -> bool:
    """Return whether an access token is rejected; a rejection must be a 401 problem."""
    response = driver.http.get("/api/v1/me", headers=bearer(access))
    if response.status_code == 200:
        return False
    assert_problem(response, 401, "unauthenticated")
    return True


def assert_similar_times(first: Callable[[], Result], second: Callable[[], Result]) -> None:
    """Fail when the median times of two calls differ measurably.

    Both calls must either repeat one address or use a new one each time, since mails per address
    are limited.
    """
    ratio = 0.0
    for _ in range(3):  # load on the machine may distort one series, a leak distorts all
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(7):
            for call, series in zip((first, second), times, strict=True):
                start = time.perf_counter()
                call()
                series.append(time.perf_counter() - start)
        one, two = (statistics.median(series) for series in times)
        ratio = max(one, two) / min(one, two)
        if ratio < 1.6 or abs(one - two) < 0.008:
            return
    raise AssertionError(f"expected equal response times, they differ by a factor of {ratio:.1f}")


# Sign-up and verification


def test_sign_in_requires_a_verified_address(
    factory: Factory, driver: Driver, mailbox: Mailbox
) -> None:
    email, password = factory.address("ada"), factory.password()
    assert driver.sign_up(email, password, "Ada Lovelace").ok
    # The address is not verified yet.
    assert driver.sign_in(email, password).outcome is Outcome.REFUSED
    assert driver.verify(mailbox.token("verify-email", email)).ok
    tokens = driver.sign_in(email, password).require_tokens()
    me = driver.http.get("/api/v1/me", headers=bearer(tokens.access)).json()
    assert (me["email"], me["name"]) == (email, "Ada Lovelace")


def test_verification_token_works_once(factory: Factory, driver: Driver, mailbox: Mailbox) -> None:
    email = factory.address()
    assert driver.sign_up(email, factory.password(), "Once").ok
    token = mailbox.token("verify-email", email)
    outcomes = [result.outcome for result in run_concurrently([lambda: driver.verify(token)] * 4)]
    assert sorted(outcomes) == [Outcome.OK, *[Outcome.REFUSED] * 3]
    assert driver.verify(token).outcome is Outcome.REFUSED


def test_resend_verification_sends_a_valid_token(
    factory: Factory, driver: Driver, mailbox: Mailbox
) -> None:
    email, password = factory.address(), factory.password()
    assert driver.sign_up(email, password, "Again").ok
    mailbox.token("verify-email", email)
    assert driver.resend_verification(email).ok
    newest = mailbox.tokens("verify-email", email, at_least=2)[-1]
    assert driver.verify(newest).ok
    assert driver.sign_in(email, password).ok


def test_sign_up_with_a_foreign_address_gives_no_access(
    factory: Factory, driver: Driver, mailbox: Mailbox
) -> None:
    email, mine, theirs = factory.address("victim"), factory.password(), factory.password()
    assert driver.sign_up(email, theirs, "Attacker").ok
    mailbox.tokens("verify-email", email, at_least=1)
    assert driver.sign_up(email, mine, "Victim").ok
    token = mailbox.tokens("verify-email", email, at_least=2)[-1]
    assert driver.verify(token).ok
    assert driver.sign_in(email, theirs).outcome is Outcome.REFUSED
    assert driver.sign_in(email, mine).ok


def test_repeated_sign_up_leaves_the_account_unchanged(factory: Factory, driver: Driver) -> None:
    account = factory.register("keeper")
    other = factory.password()
    assert driver.sign_up(account.email, other, "Other").ok
    assert driver.sign_in(account.email, other).outcome is Outcome.REFUSED
    assert driver.sign_in(account.email, account.password).ok
    assert account.api.get("/api/v1/me").json()["name"] == account.name


def test_parallel_sign_ups_create_one_account(
    factory: Factory, driver: Driver, mailbox: Mailbox
) -> None:
    email, password = factory.address("race"), factory.password()
    results = run_concurrently([lambda: driver.sign_up(email, password, "Race")] * 6)
    assert all(result.ok for result in results)
    assert all(same_response(results[0].response, result.response) for result in results)
    tokens = mailbox.tokens("verify-email", email)
    assert driver.verify(tokens[-1]).ok
    first = driver.sign_in(email, password).require_tokens()
    second = driver.sign_in(email.upper(), password).require_tokens()
    ids = {
        driver.http.get("/api/v1/me", headers=bearer(tokens.access)).json()["id"]
        for tokens in (first, second)
    }
    assert len(ids) == 1


def test_email_address_is_case_insensitive(factory: Factory, driver: Driver) -> None:
    email = factory.address("Ada.Lovelace")
    account = factory.register(email=email)
    for spelling in (email.lower(), email.upper(), f"  {email} "):
        assert driver.sign_in(spelling, account.password).ok, spelling
    other = factory.password()
    assert driver.sign_up(email.upper(), other, "Double").ok
    assert driver.sign_in(email, other).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    "email",
    [
        "",
        "plain",
        "@example.com",
        "a@",
        "a b@example.com",
        "a@example.com\r\nBcc: evil@example.com",
        "a@example.com, b@example.com",
        "a\x00@example.com",
        "Ada <ada@example.com>",
        "a@" + "x" * 260 + ".com",
        "x" * 300 + "@example.com",
    ],
    ids=repr,
)
def test_sign_up_rejects_invalid_addresses(driver: Driver, factory: Factory, email: str) -> None:
    result = driver.sign_up(email, factory.password(), "Name")
    assert_problem(result.response, 422, "validation-error")


@pytest.mark.parametrize("name", ["", "  ", "x" * 121, "nul \x00", "Eve\r\nBcc: x@example.com"])
def test_sign_up_rejects_invalid_names(driver: Driver, factory: Factory, name: str) -> None:
    result = driver.sign_up(factory.address(), factory.password(), name)
    assert_problem(result.response, 422, "validation-error")


# Enumeration


def test_sign_up_does_not_reveal_accounts(factory: Factory, driver: Driver, owner: Account) -> None:
    new = driver.sign_up(factory.address(), factory.password(), "New")
    known = driver.sign_up(owner.email, factory.password(), "Known")
    assert same_response(new.response, known.response)
    # A sign-in with the password of the sign-up must not reveal which address was new.
    email, password = factory.address(), factory.password()
    driver.sign_up(email, password, "New")
    driver.sign_up(owner.email, password, "Known")
    assert same_response(
        driver.sign_in(email, password).response, driver.sign_in(owner.email, password).response
    )
    assert_similar_times(
        lambda: driver.sign_up(factory.address(), factory.password(), "New"),
        lambda: driver.sign_up(owner.email, factory.password(), "Known"),
    )


def test_sign_in_does_not_reveal_accounts(factory: Factory, driver: Driver, owner: Account) -> None:
    unknown = driver.sign_in(factory.address(), factory.password())
    wrong = driver.sign_in(owner.email, factory.password())
    assert unknown.outcome is Outcome.REFUSED
    assert unknown.response.status_code == 401
    assert same_response(unknown.response, wrong.response)
    assert_similar_times(
        lambda: driver.sign_in(factory.address(), factory.password()),
        lambda: driver.sign_in(owner.email, factory.password()),
    )


def test_forgotten_password_does_not_reveal_accounts(
    factory: Factory, driver: Driver, mailbox: Mailbox
) -> None:
    account = factory.register()
    unknown = factory.address()
    assert same_response(driver.forgot(unknown).response, driver.forgot(account.email).response)
    assert_similar_times(lambda: driver.forgot(unknown), lambda: driver.forgot(account.email))
    mailbox.token("reset-password", account.email)
    assert mailbox.count(unknown) == 0


def test_resend_verification_does_not_reveal_accounts(factory: Factory, driver: Driver) -> None:
    verified = factory.register()
    pending = factory.address()
    driver.sign_up(pending, factory.password(), "Pending")
    unknown = factory.address()
    answers = [
        driver.resend_verification(email).response for email in (verified.email, pending, unknown)
    ]
    assert same_response(answers[0], answers[1])
    assert same_response(answers[0], answers[2])
    assert_similar_times(
        lambda: driver.resend_verification(unknown),
        lambda: driver.resend_verification(pending),
    )


# Passwords


@pytest.mark.parametrize(
    "password",
    [
        "",
        "elevenchars",
        "x" * 129,
        "password1234",
        "123456789012",
        "qwertyuiopas",
        "nul \x00 in here",
    ],
)
def test_weak_passwords_are_rejected(driver: Driver, factory: Factory, password: str) -> None:
    result = driver.sign_up(factory.address(), password, "Weak")
    assert_problem(result.response, 422, "validation-error")
    assert not password or password not in result.response.text


@pytest.mark.parametrize(
    "password",
    ["twelve chars", "zqw" * 42 + "zq", "ÿþ😀 пароль 密码 12", "  kept  as  it  is  "],
    ids=["shortest", "longest", "unicode", "spaces"],
)
def test_valid_passwords_are_accepted_unchanged(
    factory: Factory, driver: Driver, password: str
) -> None:
    account = factory.register(password=password)
    assert driver.sign_in(account.email, password).ok
    for wrong in (password[:-1], password + " ", password.swapcase(), password.strip()):
        if wrong != password:
            assert driver.sign_in(account.email, wrong).outcome is not Outcome.OK


def test_password_rules_apply_to_reset_and_change(
    factory: Factory, driver: Driver, mailbox: Mailbox
) -> None:
    account = factory.register()
    assert driver.forgot(account.email).ok
    token = mailbox.token("reset-password", account.email)
    access = account.access()
    for weak in ("elevenchars", "password1234", "x" * 129):
        assert_problem(driver.reset(token, weak).response, 422)
        result = driver.change_password(access, account.password, weak)
        assert_problem(result.response, 422)
    # A rejected password does not consume the token.
    assert driver.reset(token, factory.password()).ok


def test_sign_in_rejects_an_oversized_password(factory: Factory, driver: Driver) -> None:
    result = driver.sign_in(factory.address(), "x" * 500_000)
    assert result.outcome is Outcome.REFUSED


# Sessions


def test_sign_out_ends_the_session(factory: Factory, driver: Driver) -> None:
    account = factory.register()
    tokens, other = account.new_session(), account.new_session()
    assert driver.sign_out(bearer(tokens.access)).ok
    assert access_is_refused(driver, tokens.access)
    assert driver.refresh(tokens.refresh).outcome is Outcome.REFUSED
    assert not access_is_refused(driver, other.access)
    assert driver.sign_out(bearer(tokens.access)).outcome is Outcome.REFUSED


def test_parallel_sign_ins_create_separate_sessions(factory: Factory, driver: Driver) -> None:
    account = factory.register()
    results = run_concurrently([account.new_session] * 3)
    assert len({tokens.refresh for tokens in results}) == 3
    assert len({tokens.access for tokens in results}) == 3
    assert len(driver.sessions(results[0].access)) == 3
    assert driver.sign_out(bearer(results[0].access)).ok
    assert driver.refresh(results[1].refresh).ok
    assert driver.refresh(results[2].refresh).ok


def test_sessions_are_listed_and_ended(factory: Factory, driver: Driver) -> None:
    account = factory.register()
    browser = driver.sign_in(
        account.email, account.password, headers={"User-Agent": "Browser/1 (test)"}
    ).require_tokens()
    phone = account.new_session()
    sessions = driver.sessions(phone.access)
    assert len(sessions) == 2
    (current,) = [session for session in sessions if session.current]
    (other,) = [session for session in sessions if not session.current]
    assert "Browser/1" in other.client
    assert other.last_used_at.endswith("Z")

    stranger = factory.register("stranger")
    result = driver.end_session(stranger.access(), other.id)
    assert_problem(result.response, 404, "not-found")
    assert not access_is_refused(driver, browser.access)

    assert driver.end_session(phone.access, other.id).ok
    assert access_is_refused(driver, browser.access)
    assert driver.refresh(browser.refresh).outcome is Outcome.REFUSED
    assert [session.id for session in driver.sessions(phone.access)] == [current.id]
    assert driver.end_session(phone.access, other.id).response.status_code == 404
    assert driver.end_session(phone.access, current.id).ok
    assert access_is_refused(driver, phone.access)


# Changing and resetting the password


def test_change_password_ends_other_sessions(factory: Factory, driver: Driver) -> None:
    account = factory.register()
    here, there = account.new_session(), account.new_session()
    new = factory.password()
    wrong = driver.change_password(here.access, factory.password(), new)
    assert wrong.outcome is Outcome.REFUSED
    assert not access_is_refused(driver, there.access)

    assert driver.change_password(here.access, account.password, new).ok
    assert not access_is_refused(driver, here.access)
    assert access_is_refused(driver, there.access)
    assert driver.refresh(there.refresh).outcome is Outcome.REFUSED
    assert driver.refresh(here.refresh).ok
    assert driver.sign_in(account.email, account.password).outcome is Outcome.REFUSED
    assert driver.sign_in(account.email, new).ok


def test_password_reset_ends_all_sessions_and_older_tokens(
    factory: Factory, driver: Driver, mailbox: Mailbox
) -> None:
    account = factory.register()
    session = account.new_session()
    assert driver.forgot(account.email.upper()).ok
    older = mailbox.token("reset-password", account.email)
    assert driver.forgot(account.email).ok
    token = mailbox.tokens("reset-password", account.email, at_least=2)[-1]
    assert not access_is_refused(driver, session.access)

    new = factory.password()
    result = driver.reset(token, new)
    assert result.ok
    # The reset does not sign in.
    assert result.response.content == b""
    assert "set-cookie" not in result.response.headers
    # The reset ends all sessions.
    assert access_is_refused(driver, session.access)
    assert driver.refresh(session.refresh).outcome is Outcome.REFUSED
    assert driver.sign_in(account.email, account.password).outcome is Outcome.REFUSED
    assert driver.sign_in(account.email, new).ok
    # The reset consumes this token and older ones.
    for used in (token, older):
        assert driver.reset(used, factory.password()).outcome is Outcome.REFUSED
    assert driver.sign_in(account.email, new).ok


def test_parallel_resets_with_one_token_succeed_once(
    factory: Factory, driver: Driver, mailbox: Mailbox
) -> None:
    account = factory.register()
    assert driver.forgot(account.email).ok
    token = mailbox.token("reset-password", account.email)
    passwords = [factory.password() for _ in range(4)]
    results = map_concurrently(lambda new: driver.reset(token, new), passwords)
    assert [result.ok for result in results].count(True) == 1
    working = [new for new in passwords if driver.sign_in(account.email, new).ok]
    assert len(working) == 1


def test_token_responses_are_not_cacheable(factory: Factory, driver: Driver) -> None:
    account = factory.register()
    result = driver.sign_in(account.email, account.password)
    refreshed = driver.refresh(result.require_tokens().refresh)
    for answer in (result.response, refreshed.response):
        assert "no-store" in answer.headers["cache-control"]


def test_disabled_user_is_signed_out_and_rejected(
    factory: Factory, driver: Driver, managed_service: ManagedService
) -> None:
    account = factory.register("disabled")
    tokens = account.new_session()
    cookie = driver.sign_in(account.email, account.password, cookie=True)
    headers = {"Cookie": cookie.response.headers["set-cookie"].split(";")[0]}
    managed_service.command("users", "disable", account.email)
    assert access_is_refused(driver, tokens.access)
    assert driver.refresh(tokens.refresh).outcome is Outcome.REFUSED
    assert_problem(driver.http.get("/api/v1/me", headers=headers), 401, "unauthenticated")
    wrong = driver.sign_in(account.email, factory.password())
    right = driver.sign_in(account.email, account.password)
    assert right.outcome is Outcome.REFUSED
    assert same_response(wrong.response, right.response)
    managed_service.command("users", "enable", account.email)
    # Ended sessions stay ended.
    assert access_is_refused(driver, tokens.access)
    assert driver.sign_in(account.email, account.password).ok
