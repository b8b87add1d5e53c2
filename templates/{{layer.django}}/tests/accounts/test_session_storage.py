"""Django's sessions are in Redis and the database; without Redis, in the database only."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from redis import Redis

from app.core import redis
from app.core.cache import Client
from tests.accounts.account_client import Account, AccountClient
from tests.accounts.test_second_factor import forget_the_last_step
from tools.devservers import Valkey


@contextmanager
def _session_queries() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        if '"django_session"' in sql:
            seen.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(note):
        yield seen


@pytest.fixture
def valkey(database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    """Start a Valkey for the application that the test can stop."""
    valkey = Valkey(tmp_path, "secret", throw_away=True)
    valkey.start()
    client = Redis.from_url(valkey.url(), socket_timeout=1, socket_connect_timeout=1)
    monkeypatch.setattr(redis, "client", client)
    monkeypatch.setattr(Client, "down_until", float("-inf"))
    yield valkey
    client.close()
    valkey.stop()


def test_sessions_are_read_from_the_cache(account_client: AccountClient, account: Account) -> None:
    cookie = account_client.cookie(account.email)
    access, _ = account_client.tokens(account.email)

    def reads() -> int:
        with _session_queries() as seen:
            assert account_client.browse("GET", "auth/session", cookie).status_code == 200
            assert account_client.call("GET", "auth/session", access).status_code == 200
        return len(seen)

    assert reads() == 0
    cache.clear()
    # `/api/v1` does not read it: `sessions` has the hash of the cookie.
    with _session_queries() as seen:
        headers = {"Cookie": f"__Host-session={cookie}"}
        assert account_client.http.get("/api/v1/me", headers=headers).status_code == 200
    assert seen == []
    assert reads() == 2
    assert reads() == 0


def test_cached_session_is_json(account_client: AccountClient, account: Account) -> None:
    account_client.cookie(account.email)
    (key,) = redis.client.scan_iter("cache:*")
    held: Any = redis.client.get(key)
    assert json.loads(held)["_auth_user_id"] == str(account.id)


def test_clearing_the_cache_keeps_other_keys(
    account_client: AccountClient, account: Account
) -> None:
    account_client.cookie(account.email)
    redis.client.set("queue", "a job")
    cache.clear()
    assert redis.client.keys("*") == [b"queue"]


def test_sessions_work_without_redis(
    account_client: AccountClient, account: Account, valkey: Valkey
) -> None:
    cookie = account_client.cookie(account.email)
    access, _ = account_client.tokens(account.email)
    app = account_client.set_up_totp(access)
    assert list(redis.client.scan_iter("cache:*"))
    valkey.stop()

    for _ in range(2):
        assert account_client.browse("GET", "auth/session", cookie).status_code == 200
        assert account_client.call("GET", "auth/session", access).status_code == 200
    # Both steps of a sign-in: the first is stored in the database only.
    forget_the_last_step()
    begun = account_client.sign_in(account.email)
    headers = {"X-Session-Token": begun.json()["meta"]["session_token"]}
    done = account_client.call("POST", "auth/2fa/authenticate", headers=headers, code=app.now())
    assert done.status_code == 200, done.text
    assert account_client.browse("DELETE", "auth/session", cookie).status_code == 401
    assert account_client.browse("GET", "auth/session", cookie).status_code == 401


def test_session_ended_without_redis_stays_ended(
    account_client: AccountClient, account: Account, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = account_client.cookie(account.email)
    client = redis.client
    (key,) = client.scan_iter("cache:*")
    # Redis is unreachable for a while, and still has the session afterwards.
    monkeypatch.setattr(redis, "client", Redis.from_url("redis://127.0.0.1:1/0"))
    assert account_client.browse("DELETE", "auth/session", cookie).status_code == 401
    monkeypatch.setattr(redis, "client", client)
    monkeypatch.setattr(Client, "down_until", float("-inf"))
    assert client.exists(key)
    assert account_client.browse("GET", "auth/session", cookie).status_code == 401
    headers = {"Cookie": f"__Host-session={cookie}"}
    assert account_client.http.get("/api/v1/me", headers=headers).status_code == 401


def test_hanging_redis_is_waited_for_once(
    account_client: AccountClient, account: Account, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = account_client.cookie(account.email)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        client = Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        monkeypatch.setattr(redis, "client", client)
        started = time.monotonic()
        for _ in range(8):
            assert account_client.browse("GET", "auth/session", cookie).status_code == 200
        # If each request waited for the time-out, it would take at least 8 s.
        assert time.monotonic() - started < 4
