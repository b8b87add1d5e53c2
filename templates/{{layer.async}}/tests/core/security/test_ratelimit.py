"""Rate limits: that they hold with Redis and without it, and whom they bind."""

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from httpx2 import AsyncClient

    from app.core.security.ratelimit import Limiter

from tests.conftest import Factory

PASSWORD = "velvet otter 7 harbour"


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Turn limits on, with other rates perhaps."""
    from app.settings import settings

    def turn_on(**rates: str) -> None:
        changed = settings.model_copy(update={"rate_limit_enabled": True, **rates})
        for name, module in list(sys.modules.items()):
            if name.startswith("app.") and getattr(module, "settings", None) is settings:
                monkeypatch.setattr(module, "settings", changed)

    return turn_on


@pytest.fixture
def limiter(database: None, monkeypatch: pytest.MonkeyPatch) -> "Limiter":
    """Give a limiter of its own, so that no test leaves it without Redis."""
    from app.core.security import ratelimit

    fresh = ratelimit.Limiter()
    monkeypatch.setattr(ratelimit, "limiter", fresh)
    return fresh


async def test_counts_and_tells(limiter: "Limiter") -> None:
    results = [await limiter.hit("test", "3/minute", "someone") for _ in range(4)]
    assert [result.allowed for result in results] == [True, True, True, False]
    assert [result.remaining for result in results] == [2, 1, 0, 0]
    assert all(0 <= result.reset <= 60 and result.window == 60 for result in results)
    assert (await limiter.hit("test", "3/minute", "someone else")).allowed
    assert (await limiter.hit("other", "3/minute", "someone")).allowed
    await limiter.clear("test", "3/minute", "someone")
    assert (await limiter.hit("test", "3/minute", "someone")).allowed


async def test_keys_in_redis_do_not_show_whom_they_count(limiter: "Limiter") -> None:
    from app.core import redis

    await limiter.hit("test", "3/minute", "ada@example.com")
    keys = [key async for key in redis.client.scan_iter("*")]
    assert keys
    assert not any(b"ada" in key for key in keys)


async def test_without_redis_this_process_counts(
    limiter: "Limiter", monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis.exceptions import ConnectionError as RedisConnectionError

    asked = 0

    async def refuse(*_: object, **__: object) -> bool:
        nonlocal asked
        asked += 1
        raise RedisConnectionError("refused")

    with monkeypatch.context() as broken:
        broken.setattr(limiter._shared, "hit", refuse)
        allowed = [(await limiter.hit("test", "2/minute", "someone")).allowed for _ in range(3)]
    assert allowed == [True, True, False]
    # Asked once: the others did not wait for it to fail again.
    assert asked == 1
    # It is back, and asked again after a while.
    monkeypatch.setattr(limiter, "_down_until", 0.0)
    assert (await limiter.hit("test", "2/minute", "someone")).allowed


async def test_by_address(client: "AsyncClient", limiter: "Limiter", limits: Any) -> None:
    limits(rate_limit_ip="3/minute")
    statuses = [(await client.get("/api/v1/me")).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    limited = await client.get("/nowhere", headers={"X-Forwarded-For": "203.0.113.1"})
    assert limited.status_code == 429
    assert limited.json()["type"] == "/problems/rate-limited"
    assert limited.headers["content-type"] == "application/problem+json"
    assert limited.headers["x-request-id"] == limited.json()["request_id"]
    assert 1 <= int(limited.headers["retry-after"]) <= 60
    assert limited.headers["ratelimit-policy"] == '"ip";q=3;w=60'
    assert limited.headers["ratelimit"].startswith('"ip";r=0;t=')
    assert (await client.get("/livez")).status_code == 200


async def test_by_principal(factory: Factory, limiter: "Limiter", limits: Any) -> None:
    one, two = await factory.person(), await factory.person()
    limits(rate_limit_principal="2/minute")
    answers = [await one.request("GET", "/me") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["ratelimit-policy"] == '"ip";q=600;w=60, "principal";q=2;w=60'
    assert (await two.request("GET", "/me")).status_code == 200


def _elsewhere(address: str) -> "AsyncClient":
    from httpx2 import AsyncClient

    from tests.transport import transport

    return AsyncClient(transport=transport(address), base_url="http://test")


async def _sign_in(email: str, password: str, address: str) -> int:
    from tests.accounts.account_client import AccountClient

    async with _elsewhere(address) as elsewhere:
        return (await AccountClient(elsewhere).sign_in(email, password)).status_code


async def test_guessing_is_limited_where_it_comes_from(
    factory: Factory, limiter: "Limiter", limits: Any
) -> None:
    ada = (await factory.person(password=PASSWORD)).email
    limits(rate_limit_sign_in="3/minute")
    guesses = [await _sign_in(ada, "wrong", "198.51.100.1") for _ in range(4)]
    assert guesses == [401, 401, 401, 429]
    # There, not even the right password is looked at; elsewhere nobody is locked out.
    assert await _sign_in(ada, PASSWORD, "198.51.100.1") == 429
    assert await _sign_in(ada, PASSWORD, "203.0.113.1") == 200


async def test_success_gives_the_attempts_back(
    factory: Factory, limiter: "Limiter", limits: Any
) -> None:
    ada = (await factory.person(password=PASSWORD)).email
    limits(rate_limit_sign_in="3/minute")
    statuses = [
        await _sign_in(ada, attempt, "203.0.113.1") for attempt in ("wrong", "wrong", PASSWORD) * 3
    ]
    assert statuses == [401, 401, 200] * 3


async def test_guessing_from_everywhere_does_not_keep_the_owner_out(
    factory: Factory, limiter: "Limiter", limits: Any
) -> None:
    ada = (await factory.person(password=PASSWORD)).email
    assert await _sign_in(ada, PASSWORD, "203.0.113.1") == 200
    limits(rate_limit_sign_in="1/minute")
    guesses = [await _sign_in(ada, "wrong", f"198.51.100.{number}") for number in range(12)]
    assert guesses == [*[401] * 10, 429, 429]
    # A network that the account was used from has a limit of its own only.
    assert await _sign_in(ada, PASSWORD, "203.0.113.1") == 200
    assert await _sign_in(ada, PASSWORD, "192.0.2.9") == 429


async def test_one_network_cannot_try_many_accounts(
    database: None, limiter: "Limiter", limits: Any
) -> None:
    limits(rate_limit_sign_in="1/minute")
    statuses = [
        await _sign_in(f"user{number}@example.com", "x", "198.51.100.1") for number in range(11)
    ]
    assert statuses == [*[401] * 10, 429]


async def test_nobody_is_flooded_with_mail(
    factory: Factory, limiter: "Limiter", limits: Any
) -> None:
    from tests.accounts.account_client import AccountClient

    ada = (await factory.person(password=PASSWORD)).email
    answers = set()

    async def forgot(address: str) -> int:
        async with _elsewhere(address) as elsewhere:
            answer = await AccountClient(elsewhere).forgot(ada)
        answers.add((answer.is_success, answer.content))
        return await factory.count("outbox")

    limits()
    assert [await forgot("198.51.100.1") for _ in range(7)][-1] == 5
    # What a stranger has used up is not the owner's.
    assert await forgot("203.0.113.1") == 6
    # No answer tells that no mail goes out.
    assert [succeeded for succeeded, _ in answers] == [True]
