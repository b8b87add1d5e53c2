"""The database connections of threads that serve no request."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections


@contextmanager
def returned_to_pool() -> Iterator[None]:
    """Return the connections of this thread at the end; Django does so only after requests."""
    try:
        yield
    finally:
        close_all()


def close_all() -> None:
    connections.close_all()
