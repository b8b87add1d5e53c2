"""Runs functions of the service in the processes of Celery, which are synchronous like them."""

from collections.abc import Callable
from uuid import UUID

from app.core.db import connections


def call(function: Callable[..., None], *arguments: UUID) -> None:
    """Call a function, in a child process of the worker or in the scheduler."""
    with connections.returned_to_pool():
        function(*arguments)


def close(**_: object) -> None:
    """Close the database connections of this process."""
    connections.close_all()
