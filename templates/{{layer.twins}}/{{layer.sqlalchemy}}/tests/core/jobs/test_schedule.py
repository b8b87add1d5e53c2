"""The scheduler: scheduled jobs, redelivery, purge; `broker.publish` is replaced."""

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

INTERVAL = timedelta(seconds=settings.scheduler_interval_seconds)


@job("tests.noop")
def noop(session: Session) -> None:
    """Do nothing."""


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    published: list[UUID] = []

    def publish(job_ids: Sequence[UUID]) -> None:
        published.extend(job_ids)

    monkeypatch.setattr(broker, "publish", publish)
    return published


def insert_entry(**ages: timedelta | int) -> UUID:
    """Insert an outbox entry; a timedelta becomes the time that long ago."""
    values: dict[str, Any] = {
        name: func.clock_timestamp() - age if isinstance(age, timedelta) else age
        for name, age in ages.items()
    }
    entry = OutboxEntry(id=uuid7(), job="tests.noop", arguments={}, context={}, **values)
    with unit_of_work() as session:
        session.add(entry)
    return entry.id


def entry_ids() -> list[UUID]:
    with unit_of_work() as session:
        return list(session.scalars(select(OutboxEntry.id)))


@pytest.mark.parametrize(
    "ages",
    [
        {},
        {"dispatched_at": INTERVAL * 2.1, "dispatches": 1},
        {"dispatched_at": INTERVAL * 4.1, "dispatches": 2},
        {"dispatched_at": INTERVAL * 65, "dispatches": 100},
        # Started after it was dispatched, and the row is not locked: the worker was killed.
        {
            "dispatched_at": timedelta(seconds=9),
            "dispatches": 1,
            "started_at": timedelta(seconds=8),
        },
    ],
)
def test_redeliver_dispatches_overdue_jobs(
    ages: dict[str, timedelta | int], published: list[UUID]
) -> None:
    job_id = insert_entry(**ages)
    assert schedule.redeliver() == 1
    assert published == [job_id]
    assert schedule.redeliver() == 0  # it was dispatched just now
    with unit_of_work() as session:
        entry = session.get_one(OutboxEntry, job_id)
    assert entry.dispatches - 1 == ages.get("dispatches", 0)


@pytest.mark.parametrize(
    "ages",
    [
        {"done_at": timedelta()},
        {"dead_lettered_at": timedelta()},
        {"available_at": timedelta(hours=-1)},
        {"dispatched_at": INTERVAL * 1.9, "dispatches": 1},
        {"dispatched_at": INTERVAL * 3.9, "dispatches": 2},
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
def test_redeliver_skips_finished_delayed_and_recent_jobs(
    ages: dict[str, timedelta | int], published: list[UUID]
) -> None:
    insert_entry(**ages)
    assert schedule.redeliver() == 0
    assert published == []


@pytest.mark.committed
def test_redeliver_skips_running_jobs(published: list[UUID]) -> None:
    job_id = insert_entry(dispatched_at=timedelta(hours=2), started_at=timedelta(hours=1))
    with unit_of_work() as worker:
        worker.execute(select(OutboxEntry.id).where(OutboxEntry.id == job_id).with_for_update())
        assert schedule.redeliver() == 0
    assert schedule.redeliver() == 1


def test_redeliver_dispatches_several_batches(
    published: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "BATCH", 2)
    written = [insert_entry() for _ in range(5)]
    assert schedule.redeliver() == 5
    assert sorted(published) == sorted(written)


def test_redeliver_tries_again_after_the_broker_failed(
    published: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_to_publish(job_ids: Sequence[UUID]) -> None:
        raise ConnectionError("Redis is down")

    job_id = insert_entry()
    with monkeypatch.context() as patch:
        patch.setattr(broker, "publish", fail_to_publish)
        schedule.redeliver()
    assert schedule.redeliver() == 1
    assert published == [job_id]


def test_redeliver_records_the_age_of_the_oldest_job() -> None:
    insert_entry(available_at=timedelta(seconds=100))
    insert_entry(available_at=timedelta(seconds=200), done_at=timedelta())
    schedule.redeliver()
    age = REGISTRY.get_sample_value("outbox_oldest_age_seconds")
    assert age is not None
    assert 100 <= age < 110


@pytest.mark.committed
def test_concurrent_schedulers_enqueue_each_job_once(published: list[UUID]) -> None:
    run_concurrently(schedule.run_schedule for _ in range(4))
    schedule.run_schedule()
    with unit_of_work() as session:
        entries = list(session.scalars(select(OutboxEntry)))
    names = [entry.job for entry in entries]
    assert "core.purge" in names
    assert len(set(names)) == len(names)
    assert sorted(published) == sorted(entry.id for entry in entries)
    for entry in entries:
        execution.run_job(entry.id)
    with unit_of_work() as session:
        assert outbox.list_jobs(session) == []


def test_purge_deletes_finished_jobs_and_expired_keys() -> None:
    kept = [
        insert_entry(done_at=timedelta(days=6)),
        insert_entry(dead_lettered_at=timedelta(days=60)),
        insert_entry(available_at=timedelta(days=60)),
    ]
    insert_entry(done_at=timedelta(days=8))
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
    assert sorted(entry_ids()) == sorted(kept)
    with unit_of_work() as session:
        assert list(session.scalars(select(IdempotencyKey.key))) == ["1"]
