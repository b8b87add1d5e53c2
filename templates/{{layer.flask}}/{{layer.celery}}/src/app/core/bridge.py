"""Between Celery and the rest of the service."""

from collections.abc import Callable, Sequence
from uuid import UUID

from app.core import database


def call(function: Callable[..., None], *arguments: UUID) -> None:
    """Call a function of the service, in a child process of the worker or in the scheduler."""
    function(*arguments)


def close(**_: object) -> None:
    """Give back what `call` has used."""
    database.engine.dispose()


def sender(
    send: Callable[[Sequence[UUID]], None],
    seconds: float,  # which the time-outs of the connection keep to
) -> Callable[[Sequence[UUID]], None]:
    """Make what requests call of what sends hints."""
    return send
