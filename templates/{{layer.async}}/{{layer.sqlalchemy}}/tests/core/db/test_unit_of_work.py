from collections.abc import Sequence
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.core.db.unit_of_work import after_commit, unit_of_work
from app.core.errors import AppError
from app.core.ids import uuid7
from app.core.jobs import broker, outbox
from app.core.jobs.registry import job
from app.core.models import OutboxEntry

pytestmark = pytest.mark.usefixtures("database")

calls: list[str] = []


class CommittingError(AppError):
    """Raised after the commit."""

    commits = True


@job("tests.unit_of_work")
async def noop(session: object) -> None:
    """Do nothing."""


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


async def record(name: str) -> None:
    calls.append(name)


async def insert_row_and_raise(error: Exception | None) -> None:
    """Insert a row, register two callbacks, and raise the error if there is one."""
    async with unit_of_work() as session:
        session.add(OutboxEntry(id=uuid7(), job="tests.unit_of_work", arguments={}, context={}))
        after_commit(session, partial(record, "first"))
        after_commit(session, partial(record, "second"))
        assert calls == []
        if error:
            raise error


async def count_rows() -> int:
    async with unit_of_work() as session:
        return await session.scalar(select(func.count(OutboxEntry.id))) or 0


async def test_callbacks_run_in_order_after_the_commit() -> None:
    await insert_row_and_raise(None)
    assert calls == ["first", "second"]
    assert await count_rows() == 1


@pytest.mark.parametrize("error", [AppError("refused"), ZeroDivisionError()], ids=repr)
async def test_callbacks_do_not_run_after_a_rollback(error: Exception) -> None:
    with pytest.raises(type(error)):
        await insert_row_and_raise(error)
    assert calls == []
    assert await count_rows() == 0


async def test_committing_error_is_raised_after_commit_and_callbacks() -> None:
    with pytest.raises(CommittingError):
        await insert_row_and_raise(CommittingError("refused"))
    assert calls == ["first", "second"]
    assert await count_rows() == 1


@pytest.mark.committed
async def test_callbacks_see_committed_rows() -> None:
    async def count() -> None:
        calls.append(str(await count_rows()))

    async with unit_of_work() as session:
        session.add(OutboxEntry(id=uuid7(), job="tests.unit_of_work", arguments={}, context={}))
        after_commit(session, count)
    assert calls == ["1"]


async def test_callbacks_do_not_run_when_the_commit_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise ConnectionError("the database is down")

    async def use_case() -> None:
        async with unit_of_work() as session:
            after_commit(session, partial(record, "first"))
            monkeypatch.setattr(session, "commit", fail)

    with pytest.raises(ConnectionError):
        await use_case()
    assert calls == []


async def test_jobs_enqueued_before_a_committing_error_are_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    published: list[UUID] = []
    job_ids: list[UUID] = []

    async def publish(ids: Sequence[UUID]) -> None:
        published.extend(ids)

    async def use_case() -> None:
        async with unit_of_work() as session:
            job_ids.append(await outbox.enqueue(session, "tests.unit_of_work"))
            job_ids.append(await outbox.enqueue(session, "tests.unit_of_work"))
            raise CommittingError("refused")

    monkeypatch.setattr(broker, "publish", publish)
    with pytest.raises(CommittingError):
        await use_case()
    assert published == job_ids
    async with unit_of_work() as session:
        assert [entry.id for entry in await outbox.list_jobs(session)] == job_ids
