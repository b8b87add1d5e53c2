"""Rate limits, counted in Redis for all replicas, or in memory while Redis is down.

    ip          every request, by the client's address (RateLimitMiddleware)
    principal   every authenticated request, by user or API key (`app.core.web.access`)
    sign-in...  attempts to guess a password or code (`app.accounts`)

Sliding windows: a fixed window allows two bursts at its edge.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.exceptions import RedisError

from app.core import crypto, redis
from app.core.errors import RateLimited
from app.settings import settings

logger = logging.getLogger(__name__)

# After a failure Redis is not tried for this long: requests must not wait for its time-out.
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """The state of one limit after a request was counted; `window` and `reset` in seconds."""

    name: str
    allowed: bool
    amount: int
    window: int
    remaining: int
    reset: int

    def error(self) -> RateLimited:
        return RateLimited("Too many requests: try again later.", retry_after=max(1, self.reset))


class Limiter:
    """Counts in Redis, and in memory while Redis is down."""

    def __init__(self) -> None:
        storage = RedisStorage(
            "redis://",
            implementation="redispy",
            key_prefix="ratelimit",
            connection_pool=redis.client.connection_pool,  # type: ignore[arg-type]  # `**options` of limits is typed for scalars, its docstring names this one
        )
        self._shared = SlidingWindowCounterRateLimiter(storage)
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._down_until = float("-inf")

    async def hit(self, name: str, rate: str, key: str) -> RateLimitResult:
        """Count a request of `key` against the limit `name`; `rate` is such as `5/hour`."""
        item = parse(rate)
        # Hashed: keys contain e-mail addresses, which must not be stored in Redis.
        digest = crypto.mac("rate-limit", key.encode()).hex()[:32]
        if time.monotonic() >= self._down_until:
            try:
                return await self._count(self._shared, item, name, digest)
            except (RedisError, OSError) as error:
                self._down_until = time.monotonic() + RETRY_SECONDS
                logger.warning(
                    "redis unavailable, rate limits counted in memory", extra={"error": repr(error)}
                )
        return await self._count(self._local, item, name, digest)

    async def clear(self, name: str, rate: str, key: str) -> None:
        """Reset the count of `key`."""
        item = parse(rate)
        digest = crypto.mac("rate-limit", key.encode()).hex()[:32]
        await self._local.clear(item, name, digest)
        try:
            if time.monotonic() >= self._down_until:
                await self._shared.clear(item, name, digest)
        except (RedisError, OSError) as error:
            logger.warning("redis unavailable, rate limit not reset", extra={"error": repr(error)})

    @staticmethod
    async def _count(
        limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, name: str, digest: str
    ) -> RateLimitResult:
        allowed = await limiter.hit(item, name, digest)
        stats = await limiter.get_window_stats(item, name, digest)
        return RateLimitResult(
            name=name,
            allowed=allowed,
            amount=item.amount,
            window=item.get_expiry(),
            remaining=stats.remaining,
            reset=max(0, ceil(stats.reset_time - time.time())),
        )


limiter = Limiter()


async def hit(name: str, rate: str, key: str) -> RateLimitResult | None:
    """Count a request; None when rate limits are turned off."""
    return await limiter.hit(name, rate, key) if settings.rate_limit_enabled else None


async def allows(name: str, rate: str, key: str) -> bool:
    """Count a request, and return whether it is within the limit."""
    result = await hit(name, rate, key)
    return result is None or result.allowed


async def enforce(name: str, rate: str, key: str) -> None:
    """Count a request, and raise RateLimited when it exceeds the limit."""
    result = await hit(name, rate, key)
    if result is not None and not result.allowed:
        raise result.error()


async def clear(name: str, rate: str, key: str) -> None:
    """Reset the count of `key`, after a success."""
    if settings.rate_limit_enabled:
        await limiter.clear(name, rate, key)


def times(rate: str, factor: int) -> str:
    """Multiply the amount of a rate: `times("5/hour", 10)` allows 50 in the same window."""
    item = parse(rate)
    return f"{item.amount * factor} per {item.multiples} {item.GRANULARITY.name}"


def headers(results: Sequence[RateLimitResult]) -> dict[str, str]:
    """Return the RateLimit headers (draft-ietf-httpapi-ratelimit-headers-10)."""
    if not results:
        return {}
    return {
        "RateLimit-Policy": ", ".join(
            f'"{item.name}";q={item.amount};w={item.window}' for item in results
        ),
        "RateLimit": ", ".join(
            f'"{item.name}";r={item.remaining};t={item.reset}' for item in results
        ),
    }
