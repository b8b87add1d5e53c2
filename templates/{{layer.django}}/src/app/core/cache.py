"""Django's cache on Redis. When Redis fails it acts as an empty cache, instead of raising.

Sessions (`cached_db`) are then read from the database. A cached session that could not be deleted
is harmless when Redis is back: the table `sessions` decides whether a session has ended.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis
from redis.exceptions import RedisError

from app.core import redis
from app.core.security.ratelimit import RETRY_SECONDS

logger = logging.getLogger(__name__)


class JsonSerializer:
    """Not Django's pickle, which would execute code that an attacker wrote to Redis."""

    def dumps(self, value: object) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class Client(RedisCacheClient):
    """Returns the results of an empty cache when Redis fails."""

    # `time.monotonic()` until which a failed Redis is not called: requests must not wait for its
    # time-out one after the other.
    down_until = float("-inf")

    def get_client(self, key: Any = None, *, write: bool = False) -> Redis:
        # The pool of `app.core.redis`, with its time-outs and TLS.
        return redis.client

    def _try[R](self, call: Callable[..., R], *arguments: Any, otherwise: R) -> R:
        if time.monotonic() < Client.down_until:
            return otherwise
        try:
            return call(*arguments)
        except (RedisError, OSError) as error:
            Client.down_until = time.monotonic() + RETRY_SECONDS
            logger.warning("redis failed, cache is empty", extra={"error": repr(error)})
            return otherwise

    def add(self, key: Any, value: Any, timeout: Any) -> bool:
        return self._try(super().add, key, value, timeout, otherwise=False)

    def get(self, key: Any, default: Any) -> Any:
        return self._try(super().get, key, default, otherwise=default)

    def set(self, key: Any, value: Any, timeout: Any) -> None:
        self._try(super().set, key, value, timeout, otherwise=None)

    def touch(self, key: Any, timeout: Any) -> bool:
        return self._try(super().touch, key, timeout, otherwise=False)

    def delete(self, key: Any) -> bool:
        return self._try(super().delete, key, otherwise=False)

    def get_many(self, keys: Any) -> dict[Any, Any]:
        return self._try(super().get_many, keys, otherwise={})

    def has_key(self, key: Any) -> bool:
        return self._try(super().has_key, key, otherwise=False)

    def set_many(self, data: Any, timeout: Any) -> None:
        self._try(super().set_many, data, timeout, otherwise=None)

    def delete_many(self, keys: Any) -> None:
        self._try(super().delete_many, keys, otherwise=None)

    def delete_matching(self, pattern: str) -> None:
        self._try(self._delete_matching, pattern, otherwise=None)

    def _delete_matching(self, pattern: str) -> None:
        for key in redis.client.scan_iter(pattern, count=1000):
            redis.client.delete(key)


class Cache(RedisCache):
    """The backend for `CACHES`. Its LOCATION is REDIS_URL."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, {**params, "OPTIONS": {"serializer": JsonSerializer}})
        self._class = Client

    def clear(self) -> None:
        # Only keys of the cache: jobs and rate limits are in the same Redis database.
        client: Any = self._cache
        client.delete_matching(self.make_key("*"))
