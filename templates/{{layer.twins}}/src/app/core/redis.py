"""The Redis (or Valkey) connection of the web process. Nothing in it may not be lost."""

from typing import Any

from redis import Redis

from app.settings import settings

# Not every release of redis-py checks the name in a certificate unless told to.
TLS: dict[str, Any] = (
    {"ssl_check_hostname": True} if settings.redis_url.startswith("rediss://") else {}
)
# Short: a Redis that does not answer must not hold up a request that can do without.
client: Redis = Redis.from_url(
    settings.redis_url, socket_timeout=1, socket_connect_timeout=1, health_check_interval=30, **TLS
)


def ping() -> None:
    """Raise when Redis does not answer."""
    client.ping()
