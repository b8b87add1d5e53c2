"""The Redis (or Valkey) client of this process. Redis holds only data that can be lost."""

from typing import Any

from redis import Redis

from app.settings import settings

# The default differs between releases of redis-py.
TLS: dict[str, Any] = (
    {"ssl_check_hostname": True} if settings.redis_url.startswith("rediss://") else {}
)
# Short time-outs: requests do without Redis rather than wait for it.
client: Redis = Redis.from_url(
    settings.redis_url, socket_timeout=1, socket_connect_timeout=1, health_check_interval=30, **TLS
)


def ping() -> None:
    """Raise RedisError or OSError when Redis does not answer."""
    client.ping()
