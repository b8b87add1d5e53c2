"""The scheduler: scheduled jobs, redelivery, purge; `broker.publish` is replaced."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from app.core.jobs import broker, execution, schedule
from app.settings import settings
from tests.concurrency import run_concurrently
from tests.core.jobs.samples import enqueue, get_entry, list_entries, lock_entry, update_entry
from tests.database import execute, open_unit_of_work

# Schedulers and workers in other transactions have to see the rows.
pytestmark = [pytest.mark.committed, pytest.mark.usefixtures("database")]

INTERVAL = timedelta(seconds=settings.scheduler_interval_seconds)


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    published: list[UUID] = []

    def publish(job_ids: Sequence[UUID]) -> None:
        published.extend(job_ids)

    monkeypatch.setattr(broker, "publish", publish)
    return published


def insert_entry(**ages: timedelta | int) -> UUID:
    """Insert an outbox entry; a timedelta becomes the time that long ago."""
    job_id = enqueue("samples.settings", delay=timedelta(days=1))
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        name: now - age if isinstance(age, timedelta) else age for name, age in ages.items()
    }
    update_entry(job_id, **{"available_at": now, **values})
    return job_id


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
    entry = get_entry(job_id)
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


def test_redeliver_skips_running_jobs(published: list[UUID]) -> None:
    job_id = insert_entry(dispatched_at=timedelta(hours=2), started_at=timedelta(hours=1))
    with open_unit_of_work() as worker:
        worker.call(lock_entry, job_id)
        assert run_concurrently([schedule.redeliver]) == [0]
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


def test_concurrent_schedulers_enqueue_each_job_once(published: list[UUID]) -> None:
    run_concurrently(schedule.run_schedule for _ in range(4))
    schedule.run_schedule()
    entries = list_entries()
    names = [entry.job for entry in entries]
    assert "core.purge" in names
    assert len(set(names)) == len(names)
    assert sorted(published) == sorted(entry.id for entry in entries)
    for entry in entries:
        execution.run_job(entry.id)
    assert all(entry.done_at for entry in list_entries())


def test_purge_deletes_finished_jobs_and_expired_keys() -> None:
    kept = [
        insert_entry(done_at=timedelta(days=6)),
        insert_entry(dead_lettered_at=timedelta(days=60)),
        insert_entry(available_at=timedelta(days=60)),
    ]
    insert_entry(done_at=timedelta(days=8))
    for hours in (-1, 1):
        execute(
            "INSERT INTO idempotency_keys"
            " (id, caller, route, key, fingerprint, claim, expires_at)"
            " VALUES (gen_random_uuid(), 'user', 'route', %(key)s, '', gen_random_uuid(),"
            " clock_timestamp() + make_interval(hours => %(hours)s))",
            key=str(hours),
            hours=hours,
        )
    with open_unit_of_work() as unit:
        unit.call(schedule.purge)
    assert [entry.id for entry in list_entries()] == kept
    assert execute("SELECT key FROM idempotency_keys") == [{"key": "1"}]
