"""Direct database access for tests, where the API cannot arrange or show a state."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Concatenate
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import tenancy
from app.core.db.engine import engine
from app.core.db.unit_of_work import unit_of_work


@dataclass(frozen=True)
class UnitOfWork:
    """An open unit of work."""

    session: AsyncSession

    async def call[**P, Result](
        self,
        function: Callable[Concatenate[AsyncSession, P], Awaitable[Result]],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> Result:
        """Call a service function in this unit of work."""
        return await function(self.session, *arguments, **named)


@asynccontextmanager
async def open_unit_of_work() -> AsyncIterator[UnitOfWork]:
    async with unit_of_work() as session:
        yield UnitOfWork(session)


async def execute(
    statement: str, organization_id: UUID | None = None, /, **values: Any
) -> list[dict[str, Any]]:
    """Run SQL in a unit of work of its own, in an organization; `%(name)s` are placeholders."""
    async with unit_of_work() as session:
        if organization_id is not None:
            await tenancy.enter_organization(session, organization_id)
        result = await (await session.connection()).exec_driver_sql(statement, values)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []


@contextmanager
def capture_statements() -> Iterator[list[str]]:
    """Collect the SQL statements that are executed inside the block."""
    captured: list[str] = []

    def capture(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        captured.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", capture)
    try:
        yield captured
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", capture)
