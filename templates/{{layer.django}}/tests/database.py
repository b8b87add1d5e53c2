"""Direct database access for tests, where the API cannot arrange or show a state."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection

from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work


class UnitOfWork:
    """An open unit of work."""

    def call[**P, Result](
        self, function: Callable[P, Result], /, *arguments: P.args, **named: P.kwargs
    ) -> Result:
        """Call a service function in this unit of work."""
        return function(*arguments, **named)


@contextmanager
def open_unit_of_work() -> Iterator[UnitOfWork]:
    with unit_of_work():
        yield UnitOfWork()


def execute(
    statement: str, organization_id: UUID | None = None, /, **values: Any
) -> list[dict[str, Any]]:
    """Run SQL in a unit of work of its own, in an organization; `%(name)s` are placeholders."""
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
def capture_statements() -> Iterator[list[str]]:
    """Collect the SQL statements that are executed inside the block."""
    captured: list[str] = []

    def capture(execute: Any, sql: str, *arguments: Any) -> Any:
        captured.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(capture):
        yield captured
