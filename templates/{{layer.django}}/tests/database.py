"""The database, for what the API neither arranges nor shows: by SQL, without models or the ORM."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection

from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work


class Work:
    """A unit of work that a test has opened."""

    def call[**P, Result](
        self, function: Callable[P, Result], /, *arguments: P.args, **named: P.kwargs
    ) -> Result:
        """Call a function of the service in it."""
        return function(*arguments, **named)


@contextmanager
def work() -> Iterator[Work]:
    """Open a unit of work."""
    with unit_of_work():
        yield Work()


def execute(
    statement: str, organization_id: UUID | None = None, /, **values: Any
) -> list[dict[str, Any]]:
    """Run a statement in a unit of work, open to an organization; values stand as `%(name)s`."""
    with unit_of_work():
        if organization_id is not None:
            tenancy.enter_organization(organization_id)
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            if cursor.description is None:
                return []
            columns = [column.name for column in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note the statements that are sent while the block runs."""
    seen: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        seen.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(note):
        yield seen
