"""Rate limits, with and without Redis, by address, principal and account."""

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from httpx2 import AsyncClient

    from app.core.security.ratelimit import Limiter

from tests.factories import Factory

PASSWORD = "velvet otter 7 harbour"


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that turns rate limits on and overrides rates."""
    from app.settings import settings

    def turn_on(**rates: str) -> None:
        changed = settings.model_copy(update={"rate_limit_enabled": True, **rates})
        for name, module in list(sys.modules.items()):
            if name.startswith("app.") and getattr(module, "settings", None) is settings:
                monkeypatch.setattr(module, "settings", changed)

    return turn_on


@pytest.fixture
def limiter(database: None, monkeypatch: pytest.MonkeyPatch) -> "Limiter":
    """A new limiter for each test: a limiter remembers that Redis was down."""
    from app.core.security import ratelimit

    fresh = ratelimit.Limiter()
    monkeypatch.setattr(ratelimit, "limiter", fresh)
    return fresh


async def test_hit_counts_per_policy_and_key(limiter: "Limiter") -> None:
    results = [await limiter.hit("test", "3/minute", "key-1") for _ in range(4)]
    assert [result.allowed for result in results] == [True, True, True, False]
    assert [result.remaining for result in results] == [2, 1, 0, 0]
    assert all(0 <= result.reset <= 60 and result.window == 60 for result in results)
    assert (await limiter.hit("test", "3/minute", "key-2")).allowed
    assert (await limiter.hit("other", "3/minute", "key-1")).allowed
    await limiter.clear("test", "3/minute", "key-1")
    assert (await limiter.hit("test", "3/minute", "key-1")).allowed


async def test_redis_keys_contain_no_personal_data(limiter: "Limiter") -> None:
    from app.core import redis

    await limiter.hit("test", "3/minute", "ada@example.com")
    keys = [key async for key in redis.client.scan_iter("*")]
    assert keys
    assert not any(b"ada" in key for key in keys)


async def test_without_redis_limits_are_counted_in_the_process(
    limiter: "Limiter", monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis.exceptions import ConnectionError as RedisConnectionError

    redis_calls = 0

    async def refuse(*_: object, **__: object) -> bool:
        nonlocal redis_calls
        redis_calls += 1
        raise RedisConnectionError("refused")

    with monkeypatch.context() as broken:
        broken.setattr(limiter._shared, "hit", refuse)
        allowed = [(await limiter.hit("test", "2/minute", "key-1")).allowed for _ in range(3)]
    assert allowed == [True, True, False]
    # Redis was called once: later hits must not wait for another failure.
    assert redis_calls == 1
    # After the pause, Redis is used again.
    monkeypatch.setattr(limiter, "_down_until", 0.0)
    assert (await limiter.hit("test", "2/minute", "key-1")).allowed


async def test_requests_are_limited_by_address(
    client: "AsyncClient", limiter: "Limiter", limits: Any
) -> None:
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


async def test_requests_are_limited_by_principal(
    factory: Factory, limiter: "Limiter", limits: Any
) -> None:
    one, two = await factory.user(), await factory.user()
    limits(rate_limit_principal="2/minute")
    responses = [await one.request("GET", "/me") for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert responses[-1].headers["ratelimit-policy"] == '"ip";q=600;w=60, "principal";q=2;w=60'
    assert (await two.request("GET", "/me")).status_code == 200


def _client_from(address: str) -> "AsyncClient":
    from httpx2 import AsyncClient

    from tests.transport import transport

    return AsyncClient(transport=transport(address), base_url="http://test")


async def _sign_in(email: str, password: str, address: str) -> int:
    from tests.accounts.account_client import AccountClient

    async with _client_from(address) as client:
        return (await AccountClient(client).sign_in(email, password)).status_code


async def test_wrong_passwords_are_limited_per_address(
    factory: Factory, limiter: "Limiter", limits: Any
) -> None:
    ada = (await factory.user(password=PASSWORD)).email
    limits(rate_limit_sign_in="3/minute")
    guesses = [await _sign_in(ada, "wrong", "198.51.100.1") for _ in range(4)]
    assert guesses == [401, 401, 401, 429]
    # Even the right password is refused from that address; other addresses are not locked out.
    assert await _sign_in(ada, PASSWORD, "198.51.100.1") == 429
    assert await _sign_in(ada, PASSWORD, "203.0.113.1") == 200


async def test_successful_sign_in_resets_the_limit(
    factory: Factory, limiter: "Limiter", limits: Any
) -> None:
    ada = (await factory.user(password=PASSWORD)).email
    limits(rate_limit_sign_in="3/minute")
    statuses = [
        await _sign_in(ada, attempt, "203.0.113.1") for attempt in ("wrong", "wrong", PASSWORD) * 3
    ]
    assert statuses == [401, 401, 200] * 3


async def test_distributed_guessing_does_not_lock_out_a_known_network(
    factory: Factory, limiter: "Limiter", limits: Any
) -> None:
    ada = (await factory.user(password=PASSWORD)).email
    assert await _sign_in(ada, PASSWORD, "203.0.113.1") == 200
    limits(rate_limit_sign_in="1/minute")
    guesses = [await _sign_in(ada, "wrong", f"198.51.100.{number}") for number in range(12)]
    assert guesses == [*[401] * 10, 429, 429]
    # A network with an earlier sign-in to the account has its own limit.
    assert await _sign_in(ada, PASSWORD, "203.0.113.1") == 200
    assert await _sign_in(ada, PASSWORD, "192.0.2.9") == 429


async def test_sign_ins_to_many_accounts_are_limited_per_network(
    database: None, limiter: "Limiter", limits: Any
) -> None:
    limits(rate_limit_sign_in="1/minute")
    statuses = [
        await _sign_in(f"user{number}@example.com", "x", "198.51.100.1") for number in range(11)
    ]
    assert statuses == [*[401] * 10, 429]


async def test_mails_to_one_address_are_limited(
    factory: Factory, limiter: "Limiter", limits: Any
) -> None:
    from tests.accounts.account_client import AccountClient

    ada = (await factory.user(password=PASSWORD)).email
    responses = set()

    async def forgot(address: str) -> int:
        async with _client_from(address) as client:
            response = await AccountClient(client).forgot(ada)
        responses.add((response.is_success, response.content))
        return await factory.count("outbox")

    limits()
    assert [await forgot("198.51.100.1") for _ in range(7)][-1] == 5
    # Another network has its own limit: an attacker cannot block the owner's mails.
    assert await forgot("203.0.113.1") == 6
    # The response is the same whether or not a mail is sent.
    assert [succeeded for succeeded, _ in responses] == [True]
