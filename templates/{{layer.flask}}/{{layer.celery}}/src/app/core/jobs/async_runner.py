"""Runs functions of the service in the processes of Celery."""

from collections.abc import Callable
from uuid import UUID

from app.core.db.engine import engine


def call(function: Callable[..., None], *arguments: UUID) -> None:
    """Call a function, in a child process of the worker or in the scheduler."""
    function(*arguments)


def close(**_: object) -> None:
    """Close the database connections of this process."""
    engine.dispose()
