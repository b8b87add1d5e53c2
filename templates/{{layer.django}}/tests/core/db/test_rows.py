from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from app.core.db.rows import get_or_404, lock_or_404, page
from app.core.db.unit_of_work import unit_of_work
from app.core.errors import Invalid, NotFound
from app.core.ids import uuid7
from app.core.models import OutboxEntry
from tests.factories import OutboxEntryFactory

pytestmark = pytest.mark.usefixtures("database")

# Two rows of the same time: only the second key tells them apart.
TIMES = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 2, 3, 4)]


def _page(*keys: str, **arguments: Any) -> tuple[list[OutboxEntry], str | None]:
    return page(OutboxEntry.objects.all(), *keys, bound_to={"list": "jobs"}, **arguments)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_have_every_row_once_in_order(limit: int, descending: bool) -> None:
    ids = [OutboxEntryFactory.create(available_at=time).id for time in TIMES]
    found: list[UUID] = []
    cursor: str | None = None
    with unit_of_work():
        for _ in range(len(ids) // limit + 1):
            rows, cursor = _page(
                "available_at", "id", limit=limit, cursor=cursor, descending=descending
            )
            found += [row.id for row in rows]
            if cursor is None:
                break
    assert cursor is None
    assert found == (ids[::-1] if descending else ids)


def test_cursor_with_other_keys_is_rejected() -> None:
    OutboxEntryFactory.create_batch(2)
    with unit_of_work():
        _, cursor = _page("id", limit=1, cursor=None)
        with pytest.raises(Invalid):
            _page("available_at", limit=1, cursor=cursor)


def test_missing_row_is_not_found_by_its_name() -> None:
    rows = OutboxEntry.objects.filter(id=uuid7())
    with unit_of_work():
        for read in (get_or_404, lock_or_404):
            with pytest.raises(NotFound, match="No such job"):
                read(rows, "job")


def test_lock_may_allow_references() -> None:
    rows = OutboxEntry.objects.filter(id=OutboxEntryFactory.create().id)
    with unit_of_work(), CaptureQueriesContext(connection) as captured:
        lock_or_404(rows, "job")
        lock_or_404(rows, "job", no_key=True)
        locks = [query["sql"].partition(" FOR ")[2] for query in captured.captured_queries]
    assert locks == ["UPDATE", "NO KEY UPDATE"]
