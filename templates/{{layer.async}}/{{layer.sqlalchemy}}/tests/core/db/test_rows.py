from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.rows import get_or_404, get_row_or_404, lock_or_404, page, page_rows
from app.core.db.unit_of_work import unit_of_work
from app.core.errors import Invalid, NotFound
from app.core.ids import uuid7
from app.core.models import OutboxEntry
from tests.database import capture_statements

pytestmark = pytest.mark.usefixtures("database")

# Two rows of the same time: only the second key tells them apart.
TIMES = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 2, 3, 4)]
LIST = {"list": "jobs"}


async def _add_jobs(session: AsyncSession) -> list[UUID]:
    ids = [uuid7() for _ in TIMES]
    session.add_all(
        OutboxEntry(id=id_, job="tests.rows", arguments={}, context={}, available_at=time)
        for id_, time in zip(ids, TIMES, strict=True)
    )
    await session.flush()
    return ids


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_pages_have_every_row_once_in_order(limit: int, descending: bool) -> None:
    async with unit_of_work() as session:
        ids = await _add_jobs(session)
        found: list[UUID] = []
        cursor: str | None = None
        for _ in range(len(ids) // limit + 1):
            rows, cursor = await page(
                session,
                select(OutboxEntry),
                OutboxEntry.available_at,
                OutboxEntry.id,
                limit=limit,
                cursor=cursor,
                bound_to=LIST,
                descending=descending,
            )
            found += [row.id for row in rows]
            if cursor is None:
                break
        assert cursor is None
        assert found == (ids[::-1] if descending else ids)


async def test_page_rows_has_all_columns_of_the_query() -> None:
    async with unit_of_work() as session:
        await _add_jobs(session)
        query = select(OutboxEntry, OutboxEntry.available_at)
        keys = OutboxEntry.available_at, OutboxEntry.id
        first, cursor = await page_rows(session, query, *keys, limit=3, cursor=None, bound_to=LIST)
        last, end = await page_rows(session, query, *keys, limit=3, cursor=cursor, bound_to=LIST)
        assert [time for _, time in (*first, *last)] == TIMES
        assert end is None


async def test_cursor_with_other_keys_is_rejected() -> None:
    async with unit_of_work() as session:
        await _add_jobs(session)
        query = select(OutboxEntry)
        _, cursor = await page(session, query, OutboxEntry.id, limit=1, cursor=None, bound_to=LIST)
        with pytest.raises(Invalid):
            await page(session, query, OutboxEntry.attempts, limit=1, cursor=cursor, bound_to=LIST)


async def test_missing_row_is_not_found_by_its_name() -> None:
    async with unit_of_work() as session:
        query = select(OutboxEntry).where(OutboxEntry.id == uuid7())
        for read in (get_or_404, get_row_or_404, lock_or_404):
            with pytest.raises(NotFound, match="No such job"):
                await read(session, query, "job")


async def test_locked_row_has_current_values() -> None:
    async with unit_of_work() as session:
        id_, *_ = await _add_jobs(session)
        query = select(OutboxEntry).where(OutboxEntry.id == id_)
        loaded = await get_or_404(session, query, "job")
        statement = update(OutboxEntry).where(OutboxEntry.id == id_).values(attempts=7)
        await session.execute(statement, execution_options={"synchronize_session": False})
        assert loaded.attempts == 0
        with capture_statements() as statements:
            locked = await lock_or_404(session, query, "job")
            await lock_or_404(session, query, "job", key_share=True)
        assert locked.attempts == 7
        assert [sql.partition(" FOR ")[2] for sql in statements] == ["UPDATE", "NO KEY UPDATE"]
