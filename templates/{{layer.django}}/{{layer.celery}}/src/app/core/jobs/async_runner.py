"""Runs functions of the service in the processes of Celery, which are synchronous like them."""

from collections.abc import Callable
from uuid import UUID

from django.db import close_old_connections, connections


def call(function: Callable[..., None], *arguments: UUID) -> None:
    """Call a function, in a child process of the worker or in the scheduler."""
    close_old_connections()
    try:
        function(*arguments)
    finally:
        close_old_connections()


def close(**_: object) -> None:
    """Close the database connections of this process."""
    connections.close_all()
