"""The scheduler, with the broker replaced: scheduled jobs, and redelivery of lost messages."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import broker, execution, outbox, schedule
from app.core.jobs.registry import job
from app.core.models import ClockTimestamp, IdempotencyKey, OutboxEntry
from app.settings import settings
from tests.concurrency import run_concurrently
from tests.factories import IdempotencyKeyFactory, OutboxEntryFactory

pytestmark = pytest.mark.usefixtures("database")

INTERVAL = timedelta(seconds=settings.scheduler_interval_seconds)


@job("tests.redelivered")
def redelivered() -> None:
    """Do nothing."""


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    ids: list[UUID] = []

    def publish(job_ids: Sequence[UUID]) -> None:
        ids.extend(job_ids)

    monkeypatch.setattr(broker, "publish", publish)
    return ids


def put(**ages: timedelta | int) -> UUID:
    """Write an entry; a timedelta is the age of a time."""
    values: dict[str, Any] = {
        name: ClockTimestamp() - age if isinstance(age, timedelta) else age
        for name, age in ages.items()
    }
    return OutboxEntryFactory.create(job="tests.redelivered", **values).id


def ids() -> list[UUID]:
    return list(OutboxEntry.objects.values_list("id", flat=True))


@pytest.mark.parametrize(
    "ages",
    [
        {},
        {"dispatched_at": INTERVAL * 2.1, "dispatches": 1},
        {"dispatched_at": INTERVAL * 4.1, "dispatches": 2},
        {"dispatched_at": INTERVAL * 65, "dispatches": 100},
        # Started after the dispatch, and the row is not locked: the worker was killed.
        {
            "dispatched_at": timedelta(seconds=9),
            "dispatches": 1,
            "started_at": timedelta(seconds=8),
        },
    ],
)
def test_due_jobs_without_a_recent_message_are_redelivered(
    ages: dict[str, timedelta | int], published: list[UUID]
) -> None:
    job_id = put(**ages)
    assert schedule.redeliver() == 1
    assert published == [job_id]
    assert schedule.redeliver() == 0  # it has a recent message
    entry = OutboxEntry.objects.get(id=job_id)
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
def test_done_and_recently_dispatched_jobs_are_not_redelivered(
    ages: dict[str, timedelta | int], published: list[UUID]
) -> None:
    put(**ages)
    assert schedule.redeliver() == 0
    assert published == []


@pytest.mark.committed
def test_running_jobs_are_not_redelivered(published: list[UUID]) -> None:
    job_id = put(dispatched_at=timedelta(hours=2), started_at=timedelta(hours=1))
    with unit_of_work():
        OutboxEntry.objects.select_for_update().get(id=job_id)
        assert run_concurrently([schedule.redeliver]) == [0]
    assert schedule.redeliver() == 1


def test_redelivery_has_batches(published: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "BATCH", 2)
    written = [put() for _ in range(5)]
    assert schedule.redeliver() == 5
    assert sorted(published) == sorted(written)


def test_failed_dispatch_is_repeated_in_the_next_round(
    published: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(job_ids: Sequence[UUID]) -> None:
        raise ConnectionError("Redis is down")

    job_id = put()
    with monkeypatch.context() as patch:
        patch.setattr(broker, "publish", broken)
        schedule.redeliver()
    assert schedule.redeliver() == 1
    assert published == [job_id]


def test_the_age_of_the_oldest_job_is_measured() -> None:
    put(available_at=timedelta(seconds=100))
    put(available_at=timedelta(seconds=200), done_at=timedelta())
    schedule.redeliver()
    age = REGISTRY.get_sample_value("outbox_oldest_age_seconds")
    assert age is not None
    assert 100 <= age < 110


@pytest.mark.committed
def test_many_schedulers_enqueue_a_period_once(published: list[UUID]) -> None:
    run_concurrently(schedule.run_schedule for _ in range(4))
    schedule.run_schedule()
    entries = list(OutboxEntry.objects.all())
    names = [entry.job for entry in entries]
    assert "core.purge" in names
    assert len(set(names)) == len(names)
    assert sorted(published) == sorted(entry.id for entry in entries)
    for entry in entries:
        execution.run_job(entry.id)
    assert outbox.list_jobs() == []


def test_purge_deletes_done_jobs_and_expired_keys() -> None:
    kept = [
        put(done_at=timedelta(days=6)),
        put(dead_lettered_at=timedelta(days=60)),
        put(available_at=timedelta(days=60)),
    ]
    put(done_at=timedelta(days=8))
    for hours in (-1, 1):
        IdempotencyKeyFactory.create(
            key=str(hours), expires_at=ClockTimestamp() + timedelta(hours=hours)
        )
    with unit_of_work():
        schedule.purge()
    assert sorted(ids()) == sorted(kept)
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["1"]
