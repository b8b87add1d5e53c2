"""What the scheduler does: ticks and sweeps, with the engine's `send` replaced."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db.unit_of_work import unit_of_work
from app.core.ids import uuid7
from app.core.jobs import broker, execution, outbox, schedule
from app.core.jobs.registry import job
from app.core.models import IdempotencyKey, OutboxEntry
from app.settings import settings
from tests.concurrency import run_concurrently

pytestmark = pytest.mark.usefixtures("database")

PATIENCE = timedelta(seconds=settings.scheduler_interval_seconds)


@job("tests.swept")
def swept(session: Session) -> None:
    """Do nothing."""


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    hints: list[UUID] = []

    def send(job_ids: Sequence[UUID]) -> None:
        hints.extend(job_ids)

    monkeypatch.setattr(broker, "publish", send)
    return hints


def put(**ages: timedelta | int) -> UUID:
    """Write an entry; an age is how long ago that was."""
    values: dict[str, Any] = {
        name: func.clock_timestamp() - age if isinstance(age, timedelta) else age
        for name, age in ages.items()
    }
    entry = OutboxEntry(id=uuid7(), job="tests.swept", arguments={}, context={}, **values)
    with unit_of_work() as session:
        session.add(entry)
    return entry.id


def ids() -> list[UUID]:
    with unit_of_work() as session:
        return list(session.scalars(select(OutboxEntry.id)))


@pytest.mark.parametrize(
    "ages",
    [
        {},
        {"dispatched_at": PATIENCE * 2.1, "dispatches": 1},
        {"dispatched_at": PATIENCE * 4.1, "dispatches": 2},
        {"dispatched_at": PATIENCE * 65, "dispatches": 100},
        # Begun since it was dispatched, and nobody holds the row: the worker is gone.
        {
            "dispatched_at": timedelta(seconds=9),
            "dispatches": 1,
            "started_at": timedelta(seconds=8),
        },
    ],
)
def test_what_is_due_and_forgotten_is_sent(
    ages: dict[str, timedelta | int], sent: list[UUID]
) -> None:
    job_id = put(**ages)
    assert schedule.redeliver() == 1
    assert sent == [job_id]
    assert schedule.redeliver() == 0  # it has a fresh hint now
    with unit_of_work() as session:
        entry = session.get_one(OutboxEntry, job_id)
    assert entry.dispatches == ages.get("dispatches", 0) + 1  # type: ignore[operator]  # a number


@pytest.mark.parametrize(
    "ages",
    [
        {"done_at": timedelta()},
        {"dead_lettered_at": timedelta()},
        {"available_at": timedelta(hours=-1)},
        {"dispatched_at": PATIENCE * 1.9, "dispatches": 1},
        {"dispatched_at": PATIENCE * 3.9, "dispatches": 2},
        {
            "dispatched_at": timedelta(seconds=3),
            "dispatches": 1,
            "started_at": timedelta(seconds=2),
        },
        {
            "dispatched_at": timedelta(seconds=8),
            "dispatches": 1,
            "started_at": timedelta(seconds=9),
        },
    ],
)
def test_what_is_done_or_under_way_is_not(
    ages: dict[str, timedelta | int], sent: list[UUID]
) -> None:
    put(**ages)
    assert schedule.redeliver() == 0
    assert sent == []


@pytest.mark.committed
def test_what_runs_is_not_sent_however_long_it_takes(sent: list[UUID]) -> None:
    job_id = put(dispatched_at=timedelta(hours=2), started_at=timedelta(hours=1))
    with unit_of_work() as worker:
        worker.execute(select(OutboxEntry.id).where(OutboxEntry.id == job_id).with_for_update())
        assert schedule.redeliver() == 0
    assert schedule.redeliver() == 1


def test_more_than_one_batch(sent: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "BATCH", 2)
    written = [put() for _ in range(5)]
    assert schedule.redeliver() == 5
    assert sorted(sent) == sorted(written)


def test_what_cannot_be_sent_is_tried_at_the_next_sweep(
    sent: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(job_ids: Sequence[UUID]) -> None:
        raise ConnectionError("Redis is away")

    job_id = put()
    with monkeypatch.context() as patch:
        patch.setattr(broker, "publish", broken)
        schedule.redeliver()
    assert schedule.redeliver() == 1
    assert sent == [job_id]


def test_the_age_of_the_oldest_job_is_measured() -> None:
    put(available_at=timedelta(seconds=100))
    put(available_at=timedelta(seconds=200), done_at=timedelta())
    schedule.redeliver()
    age = REGISTRY.get_sample_value("outbox_oldest_age_seconds")
    assert age is not None
    assert 100 <= age < 110


@pytest.mark.committed
def test_many_schedulers_make_one_tick(sent: list[UUID]) -> None:
    run_concurrently(schedule.run_schedule for _ in range(4))
    schedule.run_schedule()
    with unit_of_work() as session:
        entries = list(session.scalars(select(OutboxEntry)))
    names = [entry.job for entry in entries]
    assert "core.purge" in names
    assert len(set(names)) == len(names)
    assert sorted(sent) == sorted(entry.id for entry in entries)
    for entry in entries:
        execution.run_job(entry.id)
    with unit_of_work() as session:
        assert outbox.list_jobs(session) == []


def test_purge_forgets_what_is_done_and_expired() -> None:
    kept = [
        put(done_at=timedelta(days=6)),
        put(dead_lettered_at=timedelta(days=60)),
        put(available_at=timedelta(days=60)),
    ]
    put(done_at=timedelta(days=8))
    with unit_of_work() as session:
        for hours in (-1, 1):
            session.add(
                IdempotencyKey(
                    caller="user",
                    route="route",
                    key=str(hours),
                    fingerprint=b"",
                    claim=uuid7(),
                    expires_at=func.clock_timestamp() + timedelta(hours=hours),
                )
            )
    with unit_of_work() as session:
        schedule.purge(session)
    assert sorted(ids()) == sorted(kept)
    with unit_of_work() as session:
        assert list(session.scalars(select(IdempotencyKey.key))) == ["1"]
