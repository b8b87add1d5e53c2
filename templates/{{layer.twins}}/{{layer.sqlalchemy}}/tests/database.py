"""The database, for what the API neither arranges nor shows: by SQL, without models or the ORM."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Concatenate
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.db import tenancy
from app.core.db.engine import engine
from app.core.db.unit_of_work import unit_of_work


@dataclass(frozen=True)
class Work:
    """A unit of work that a test has opened."""

    session: Session

    def call[**P, Result](
        self,
        function: Callable[Concatenate[Session, P], Result],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> Result:
        """Call a function of the service in it."""
        return function(self.session, *arguments, **named)


@contextmanager
def work() -> Iterator[Work]:
    """Open a unit of work."""
    with unit_of_work() as session:
        yield Work(session)


def execute(
    statement: str, organization_id: UUID | None = None, /, **values: Any
) -> list[dict[str, Any]]:
    """Run a statement in a unit of work, open to an organization; values stand as `%(name)s`."""
    with unit_of_work() as session:
        if organization_id is not None:
            tenancy.enter_organization(session, organization_id)
        result = (session.connection()).exec_driver_sql(statement, values)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note the statements that are sent while the block runs."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
