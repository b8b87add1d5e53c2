"""The unit of work: the only code that begins and commits transactions (rule 4)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from uuid import UUID

from django.db import connection, transaction

from app.core.errors import AppError


class UnitOfWork:
    """One transaction and its tenant (see `app.core.db.tenancy`)."""

    def __init__(self) -> None:
        self.organization_id: UUID | None = None
        self.is_staff = False
        self._local: dict[str, str] = {}
        self._transaction: transaction.Atomic | None = None

    def begin(self) -> None:
        atomic = transaction.atomic(durable=True)
        atomic.__enter__()
        self._transaction = atomic
        if self._local:
            self.set_local(**self._local)

    def end(self, error: BaseException | None = None) -> None:
        """Commit, or roll back when there is an error."""
        atomic, self._transaction = self._transaction, None
        if atomic is None:
            return
        if error is None:
            atomic.__exit__(None, None, None)
        else:
            atomic.__exit__(type(error), error, error.__traceback__)

    def commit_and_begin(self) -> None:
        """Commit, and begin another transaction with the same tenant.

        Only for a claimed idempotency key, which concurrent requests must see.
        """
        self.end()
        self.begin()

    def set_local(self, **settings: str) -> None:
        """Set parameters of PostgreSQL for this transaction; `__` in a name is a dot."""
        if not connection.in_atomic_block:
            raise RuntimeError("set_local has no effect outside of a transaction")
        self._local |= settings
        calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        pairs = [(name.replace("__", "."), value) for name, value in settings.items()]
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {calls}", list(chain.from_iterable(pairs)))


_current: ContextVar[UnitOfWork | None] = ContextVar("unit_of_work", default=None)


def current() -> UnitOfWork:
    """Return the current unit of work; RuntimeError outside of one."""
    work = _current.get()
    if work is None:
        raise RuntimeError("there is no unit of work: query inside `with unit_of_work():`")
    return work


@contextmanager
def unit_of_work() -> Iterator[UnitOfWork]:
    """Run the block in one transaction: commit when it ends, roll back when it raises.

    Jobs enqueued in it are dispatched after the commit (`transaction.on_commit`).
    """
    work = UnitOfWork()
    outer = _current.set(work)
    try:
        work.begin()
        try:
            yield work
        except AppError as error:
            work.end(None if error.commits else error)
            raise
        except BaseException as error:
            work.end(error)
            raise
        work.end()
    finally:
        _current.reset(outer)
