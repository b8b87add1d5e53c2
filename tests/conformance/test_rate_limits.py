"""Rate limits: enforced, announced in headers, and not bypassed by forged headers."""

import re
import time
from collections.abc import Callable

import httpx2

from .concurrency import map_concurrently
from .drivers import Driver, Outcome, Result, bearer
from .factories import Factory
from .problems import assert_problem
from .service import ManagedService

POLICY = re.compile(r'^"[a-z-]+";q=\d+;w=\d+(, "[a-z-]+";q=\d+;w=\d+)*$')
LIMIT = re.compile(r'^"[a-z-]+";r=\d+;t=\d+(, "[a-z-]+";r=\d+;t=\d+)*$')


def attempts_until_limited(call: Callable[[int], Result], *, at_most: int) -> int:
    """Repeat a call until it is rate limited; return the number of calls before that."""
    for number in range(at_most):
        result = call(number)
        if result.outcome is Outcome.LIMITED:
            assert_problem(result.response, 429, "rate-limited")
            return number
        assert result.outcome is not Outcome.OK
    raise AssertionError(f"expected a rate limit within {at_most} attempts")


def statuses(http: httpx2.Client, count: int, **headers: str) -> list[int]:
    """Send anonymous requests; return their statuses."""
    return [http.get("/api/v1/me", headers=headers).status_code for _ in range(count)]


def test_ip_limit_applies_before_authentication(managed_service: ManagedService) -> None:
    with managed_service.web_process(
        REDIS_URL=managed_service.unused_redis_url(), RATE_LIMIT_IP="20/minute"
    ) as web:
        first = web.http.get("/api/v1/me")
        assert_problem(first, 401)
        assert POLICY.match(first.headers["ratelimit-policy"])
        assert LIMIT.match(first.headers["ratelimit"])
        # Unknown paths and forged credentials count as well.
        for _ in range(5):
            web.http.get("/nothing")
            web.http.get("/api/v1/me", headers=bearer("forged"))
        assert statuses(web.http, 12).count(401) == 9
        limited = web.http.get("/api/v1/me")
        assert_problem(limited, 429, "rate-limited")
        assert 1 <= int(limited.headers["retry-after"]) <= 60
        assert POLICY.match(limited.headers["ratelimit-policy"])
        assert ";r=0;" in limited.headers["ratelimit"]
        # Without trusted proxies no header changes the client IP.
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"):
            value = "for=198.51.100.1" if name == "Forwarded" else "198.51.100.1"
            assert_problem(web.http.get("/api/v1/me", headers={name: value}), 429)
        # Probes are not limited.
        for path in ("/livez", "/readyz"):
            assert web.http.get(path).status_code == 200


def test_client_ip_is_taken_from_trusted_proxies_only(managed_service: ManagedService) -> None:
    with managed_service.web_process(
        REDIS_URL=managed_service.unused_redis_url(), RATE_LIMIT_IP="10/minute", TRUSTED_PROXIES="1"
    ) as web:

        def ask(forwarded: str, count: int) -> list[int]:
            return statuses(web.http, count, **{"X-Forwarded-For": forwarded})

        assert set(ask("203.0.113.1", 10)) == {401}
        assert set(ask("203.0.113.1", 2)) == {429}
        # Each client IP has its own limit.
        assert set(ask("203.0.113.2", 10)) == {401}
        # The trusted proxy appends on the right; entries to its left may be forged.
        for forged in ("198.51.100.9, 203.0.113.1", "x, , 203.0.113.1", "203.0.113.1:4711"):
            assert set(ask(forged, 1)) == {429}, forged
        # IPv6 clients are limited per /64.
        assert set(ask("2001:db8::1", 10)) == {401}
        assert set(ask("2001:db8::ffff", 1)) == {429}


def test_principal_limit_is_shared_by_sessions(
    managed_service: ManagedService, factory: Factory
) -> None:
    one, two = factory.register_all("one", "two")
    with managed_service.web_process(
        REDIS_URL=managed_service.unused_redis_url(), RATE_LIMIT_PRINCIPAL="10/minute"
    ) as web:
        # Two sessions of one user share one limit.
        tokens = [one.access(), one.new_session().access]
        answers = [web.http.get("/api/v1/me", headers=bearer(tokens[n % 2])) for n in range(12)]
        assert [answer.status_code for answer in answers].count(200) == 10
        assert_problem(answers[-1], 429, "rate-limited")
        answer = web.http.get("/api/v1/me", headers=bearer(two.access()))
        assert answer.status_code == 200
        assert POLICY.match(answer.headers["ratelimit-policy"])


def forwarded_for(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def test_password_guessing_is_limited_per_ip(
    managed_service: ManagedService, factory: Factory
) -> None:
    victim, other = factory.register_all("victim", "other")
    with managed_service.web_process(
        REDIS_URL=managed_service.unused_redis_url(),
        RATE_LIMIT_SIGN_IN="5/minute",
        TRUSTED_PROXIES="1",
    ) as web:
        driver = managed_service.driver(web.http)

        def guess(_: int) -> Result:
            return driver.sign_in(
                victim.email, factory.password(), headers=forwarded_for("203.0.113.66")
            )

        assert attempts_until_limited(guess, at_most=20) >= 3
        # From the limited address the right password is rejected as well.
        result = driver.sign_in(
            victim.email, victim.password, headers=forwarded_for("203.0.113.66")
        )
        assert result.outcome is Outcome.LIMITED
        # Other addresses are not locked out.
        assert driver.sign_in(
            victim.email, victim.password, headers=forwarded_for("203.0.113.1")
        ).ok
        assert driver.sign_in(other.email, other.password, headers=forwarded_for("203.0.113.2")).ok


def test_distributed_guessing_is_limited_per_account(
    managed_service: ManagedService, factory: Factory
) -> None:
    victim = factory.register("victim")
    home, elsewhere = forwarded_for("203.0.113.1"), forwarded_for("203.0.113.2")
    with managed_service.web_process(
        REDIS_URL=managed_service.unused_redis_url(),
        RATE_LIMIT_SIGN_IN="2/8 second",
        TRUSTED_PROXIES="1",
    ) as web:
        driver = managed_service.driver(web.http)
        assert driver.sign_in(victim.email, victim.password, headers=home).ok

        def guess_until_limited(email: str) -> None:
            for turn in range(10):
                # Concurrently, so that all fall into one window on a slow machine too.
                results = map_concurrently(
                    lambda number: driver.sign_in(
                        email, factory.password(), headers=forwarded_for(f"198.51.100.{number}")
                    ),
                    range(turn * 12, turn * 12 + 12),
                )
                limited = [one for one in results if one.outcome is Outcome.LIMITED]
                if limited:
                    assert_problem(limited[0].response, 429, "rate-limited")
                    return
            raise AssertionError("expected a rate limit within 120 guesses")

        guess_until_limited(victim.email)
        # An address that signed in before is not locked out.
        assert driver.sign_in(victim.email, victim.password, headers=home).ok
        # An address without an account is limited in the same way.
        guess_until_limited(factory.address())
        # The limit expires with its window: an account is never locked permanently.
        deadline = time.monotonic() + 30
        while not driver.sign_in(victim.email, victim.password, headers=elsewhere).ok:
            assert time.monotonic() < deadline, "still rate limited after 30 s"
            time.sleep(1)


def test_trying_many_accounts_is_limited(managed_service: ManagedService, factory: Factory) -> None:
    with managed_service.web_process(
        REDIS_URL=managed_service.unused_redis_url(), RATE_LIMIT_SIGN_IN="3/minute"
    ) as web:
        driver = managed_service.driver(web.http)
        attempts_until_limited(
            lambda _: driver.sign_in(factory.address(), factory.password()), at_most=100
        )


def test_totp_guessing_is_limited(
    managed_service: ManagedService, factory: Factory, driver: Driver
) -> None:
    from .test_mfa import TotpAccount  # noqa: PLC0415 - keeps pytest from collecting its tests here

    totp_account = TotpAccount(factory.register("careful"), driver)
    account, wrong = totp_account.account, totp_account.app.wrong_code()
    with managed_service.web_process(
        REDIS_URL=managed_service.unused_redis_url(), RATE_LIMIT_SIGN_IN="3/minute"
    ) as web:
        limited = managed_service.driver(web.http)
        attempts_until_limited(
            lambda _: limited.sign_in(account.email, account.password, totp_code=wrong),
            at_most=60,
        )
