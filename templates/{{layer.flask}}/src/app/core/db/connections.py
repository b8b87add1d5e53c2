"""The database connections of threads that serve no request."""

from contextlib import nullcontext

from app.core.db.engine import engine

# A session returns its connection to the pool when it is closed.
returned_to_pool = nullcontext


def close_all() -> None:
    engine.dispose()
