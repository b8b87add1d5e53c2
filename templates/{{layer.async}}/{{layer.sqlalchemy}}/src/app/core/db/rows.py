"""Reads of rows: one, one under a row lock, or a page of a list.

The caller's query names the tenant (rule 6).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.selectable import TypedReturnsRows

from app.core.db.pagination import read_cursor, sign_cursor
from app.core.errors import NotFound


async def get_or_404[Value](
    session: AsyncSession, statement: TypedReturnsRows[Value], name: str
) -> Value:
    """Return the only column of the statement's only row; raises NotFound(name) without one."""
    (value,) = await get_row_or_404(session, statement, name)
    return value


async def get_row_or_404[*Columns](
    session: AsyncSession, statement: TypedReturnsRows[*Columns], name: str
) -> Row[*Columns]:
    """Return the statement's only row; raises NotFound(name) without one."""
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(name)
    return row


async def lock_or_404[Entity](
    session: AsyncSession, query: Select[Entity], name: str, *, key_share: bool = False
) -> Entity:
    """Return an entity under a row lock; raises NotFound(name) without one.

    Its values are current even if it was loaded before. With `key_share`, concurrent transactions
    can insert rows that refer to it.
    """
    locked = query.with_for_update(key_share=key_share)
    return await get_or_404(session, locked.execution_options(populate_existing=True), name)


async def page[Entity](
    session: AsyncSession,
    query: Select[Entity],
    *keys: InstrumentedAttribute[Any],
    limit: int,
    cursor: str | None,
    bound_to: Mapping[str, object],
    descending: bool = False,
) -> tuple[list[Entity], str | None]:
    """Return a page of the entities that a query selects, and the next cursor; see `page_rows`."""
    rows, next_cursor = await page_rows(
        session,
        query,
        *keys,
        limit=limit,
        cursor=cursor,
        bound_to=bound_to,
        descending=descending,
    )
    return [entity for (entity,) in rows], next_cursor


async def page_rows[Entity, *Columns](
    session: AsyncSession,
    query: Select[Entity, *Columns],
    *keys: InstrumentedAttribute[Any],
    limit: int,
    cursor: str | None,
    bound_to: Mapping[str, object],
    descending: bool = False,
) -> tuple[list[Row[Entity, *Columns]], str | None]:
    """Return a page of the query's rows, ordered by `keys`, and the next cursor.

    `keys` are attributes of the first entity of a row, and together unique: a cursor must identify
    one row. `bound_to` identifies the list, as in `sign_cursor`.
    """
    if cursor is not None:
        types = [key.type.python_type for key in keys]
        position = read_cursor(cursor, types, bound_to=bound_to)
        row = tuple_(*keys)
        query = query.where(row < position if descending else row > position)
    query = query.order_by(*(key.desc() if descending else key.asc() for key in keys))
    rows = list(await session.execute(query.limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1][0]
    position = tuple(getattr(last, key.key) for key in keys)
    return rows[:limit], sign_cursor(position, bound_to=bound_to)
