"""Between Celery and the rest of the service."""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import close_old_connections, connections


def call(function: Callable[..., None], *arguments: UUID) -> None:
    """Call a function of the service, in a child process of the worker or in the scheduler."""
    close_old_connections()
    try:
        function(*arguments)
    finally:
        close_old_connections()


def close(**_: object) -> None:
    """Give back what `call` has used."""
    connections.close_all()


def sender(
    send: Callable[[Sequence[UUID]], None],
    seconds: float,  # which the time-outs of the connection keep to
) -> Callable[[Sequence[UUID]], None]:
    """Make what requests call of what sends hints."""
    return send
