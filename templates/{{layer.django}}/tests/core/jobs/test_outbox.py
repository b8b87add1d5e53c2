"""The outbox and the execution of jobs, with the broker replaced."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from prometheus_client import REGISTRY
from pydantic import ValidationError

from app.core import context
from app.core.context import Actor, Context
from app.core.db.unit_of_work import unit_of_work
from app.core.errors import NotFound
from app.core.ids import uuid7
from app.core.jobs import broker, execution, outbox
from app.core.jobs.current_job import current_job_id
from app.core.jobs.registry import job
from app.core.models import ClockTimestamp, OutboxEntry
from tests.concurrency import run_concurrently

# Jobs are dispatched after a commit.
pytestmark = [pytest.mark.committed, pytest.mark.usefixtures("database")]

seen: list[Any] = []


def setting(name: str) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true)", [name])
        found: str | None = cursor.fetchone()[0]
    return found


@job("tests.note")
def note(*, what: UUID, when: datetime, times: int = 1) -> None:
    seen.append((what, when, times, current_job_id(), context.current()))


def note_dead_letter(*, error: str) -> None:
    seen.append(("dead letter", error, setting("app.organization_id")))


@job("tests.fail", max_attempts=2, on_dead_letter=note_dead_letter)
def fail(*, error: str) -> None:
    seen.append("attempt")
    outbox.enqueue("tests.tenant")  # rolled back with the job
    raise RuntimeError(error)


@job("tests.tenant")
def tenant() -> None:
    names = ("app.organization_id", "statement_timeout", "idle_in_transaction_session_timeout")
    seen.append([setting(name) for name in names])


@job("tests.slow", timeout=0.2)
def slow() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(30)")


@job("tests.compute", timeout=0.2)
def compute() -> None:
    outbox.enqueue("tests.tenant")  # rolled back by the time-out
    time.sleep(3)


@job("tests.overtaken", max_attempts=1, on_dead_letter=note_dead_letter)
def be_overtaken(*, error: str) -> None:
    """Lose the transaction, as after a time limit, and let another worker claim the job."""
    job_id = current_job_id()
    with suppress(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    run_concurrently([partial(execution.run_job, job_id)])
    raise RuntimeError(error)


@job("tests.parent")
def parent() -> None:
    outbox.enqueue("tests.tenant")
    seen.append(list(seen))


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    ids: list[UUID] = []

    def publish(job_ids: Sequence[UUID]) -> None:
        ids.extend(job_ids)

    monkeypatch.setattr(broker, "publish", publish)
    seen.clear()
    return ids


@pytest.fixture
def caused_by() -> Any:
    def bind(**values: Any) -> None:
        context.bind(Context(**{"request_id": "request-1", **values}))

    yield bind
    context.bind(Context(request_id="-"))


def enqueue(name: str, **arguments: Any) -> UUID:
    with unit_of_work():
        return outbox.enqueue(name, **arguments)


def find(job_id: UUID) -> OutboxEntry:
    return OutboxEntry.objects.get(id=job_id)


def change(job_id: UUID, **values: Any) -> None:
    OutboxEntry.objects.filter(id=job_id).update(**values)


def test_jobs_are_published_after_the_commit(published: list[UUID]) -> None:
    with unit_of_work():
        job_id = outbox.enqueue("tests.tenant")
        assert published == []
    assert published == [job_id]


def test_rolled_back_transaction_leaves_no_job(published: list[UUID]) -> None:
    def use_case() -> None:
        with unit_of_work():
            outbox.enqueue("tests.tenant")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use_case()
    assert outbox.list_jobs() == []
    assert published == []


def test_undeclared_jobs_and_wrong_arguments_are_refused() -> None:
    with unit_of_work():
        with pytest.raises(LookupError, match=r"tests\.unknown"):
            outbox.enqueue("tests.unknown")
        with pytest.raises(ValidationError):
            outbox.enqueue("tests.note", what=uuid7())
        with pytest.raises(ValidationError):
            outbox.enqueue("tests.tenant", extra=1)


def test_job_has_its_arguments_and_the_context_of_its_request(
    caused_by: Callable[..., None],
) -> None:
    organization_id, what, when = uuid7(), uuid7(), datetime.now(UTC)
    actor = Actor("user", uuid7(), "ann@example.com")
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    caused_by(organization_id=organization_id, actor=actor, traceparent=traceparent)
    job_id = enqueue("tests.note", what=what, when=when)
    caused_by()
    execution.run_job(job_id)
    expected = Context("request-1", None, None, traceparent, organization_id, actor)
    assert seen == [(what, when, 1, job_id, expected)]
    assert context.current().organization_id is None
    entry = find(job_id)
    assert entry.done_at
    assert entry.attempts == 1
    with pytest.raises(LookupError):
        current_job_id()


def test_job_has_its_tenant_and_its_time_limits(caused_by: Callable[..., None]) -> None:
    organization_id = uuid7()
    caused_by(organization_id=organization_id)
    execution.run_job(enqueue("tests.tenant"))
    caused_by()
    execution.run_job(enqueue("tests.tenant"))
    limits = ["5min", "5min"]
    assert seen == [[str(organization_id), *limits], ["", *limits]]


def test_job_runs_once() -> None:
    job_id = enqueue("tests.tenant")
    for _ in range(3):
        execution.run_job(job_id)
    execution.run_job(uuid7())
    assert len(seen) == 1


def test_one_of_many_workers_runs_the_job() -> None:
    job_id = enqueue("tests.parent")
    run_concurrently(partial(execution.run_job, job_id) for _ in range(5))
    assert len(seen) == 1
    assert find(job_id).attempts == 1


def test_delayed_job_does_not_run_early(published: list[UUID]) -> None:
    job_id = enqueue("tests.tenant", delay=timedelta(days=7))
    execution.run_job(job_id)
    assert seen == published == []
    change(job_id, available_at=ClockTimestamp())
    execution.run_job(job_id)
    assert len(seen) == 1


def test_jobs_of_a_job_are_published_after_its_commit(published: list[UUID]) -> None:
    job_id = enqueue("tests.parent")
    execution.run_job(job_id)
    assert len(published) == 2
    execution.run_job(published[1])
    assert len(seen) == 2


def test_failed_job_is_retried_and_then_a_dead_letter(
    caused_by: Callable[..., None], published: list[UUID], caplog: pytest.LogCaptureFixture
) -> None:
    organization_id = uuid7()
    caused_by(organization_id=organization_id)
    job_id = enqueue("tests.fail", error="no such host: Bearer abcdefghijklmnop")
    execution.run_job(job_id)
    entry = find(job_id)
    assert entry.last_error == "RuntimeError: no such host: Bearer [redacted]"
    wait = entry.available_at - datetime.now(UTC)
    assert timedelta(seconds=1) < wait < timedelta(seconds=6)
    assert entry.started_at is entry.dispatched_at is entry.dead_lettered_at is None
    execution.run_job(job_id)
    assert seen == ["attempt"]  # not before it is due

    change(job_id, available_at=ClockTimestamp())
    with caplog.at_level(logging.ERROR):
        execution.run_job(job_id)
    error = "no such host: Bearer abcdefghijklmnop"
    assert seen == ["attempt", "attempt", ("dead letter", error, str(organization_id))]
    entry = find(job_id)
    assert entry.dead_lettered_at
    assert entry.attempts == 2
    assert published == [job_id]
    assert "job moved to dead letters" in caplog.text
    assert [each.id for each in outbox.list_jobs(dead_letters=True)] == [job_id]
    assert outbox.list_jobs() == []


def test_dead_letter_can_be_replayed(published: list[UUID]) -> None:
    job_id = enqueue("tests.tenant")
    change(job_id, dead_lettered_at=ClockTimestamp(), attempts=5)
    execution.run_job(job_id)
    assert seen == []
    with unit_of_work():
        outbox.replay(job_id)
    assert published == [job_id, job_id]
    execution.run_job(job_id)
    assert len(seen) == 1
    with unit_of_work(), pytest.raises(NotFound):
        outbox.replay(job_id)


def test_job_is_a_dead_letter_even_if_on_dead_letter_fails() -> None:
    job_id = enqueue("tests.fail", error="x")
    change(job_id, attempts=2, arguments={"of": "an older release"})
    execution.run_job(job_id)
    entry = find(job_id)
    assert entry.dead_lettered_at
    assert entry.last_error == "the worker was killed during each attempt"


def test_job_is_ended_by_its_timeout() -> None:
    job_id = enqueue("tests.slow")
    begun = time.monotonic()
    execution.run_job(job_id)
    assert time.monotonic() - begun < 10
    assert "timeout" in str(find(job_id).last_error).lower()


def test_job_that_computes_past_its_timeout_has_no_effect() -> None:
    job_id = enqueue("tests.compute")
    execution.run_job(job_id)
    entry = find(job_id)
    assert entry.done_at is entry.started_at is None
    assert entry.last_error
    with unit_of_work():
        assert [each.id for each in outbox.list_jobs()] == [job_id]


def test_outcome_of_an_overtaken_attempt_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "CLAIM_GRACE", timedelta())
    job_id = enqueue("tests.overtaken", error="late")
    execution.run_job(job_id)
    # Only the second worker, which found no attempt left, has called it.
    assert [call[:2] for call in seen] == [("dead letter", "late")]
    assert find(job_id).last_error == "the worker was killed during each attempt"


def test_job_of_another_release_stays_open() -> None:
    job_id = enqueue("tests.tenant")
    change(job_id, job="tests.newer_release")
    execution.run_job(job_id)
    entry = find(job_id)
    assert entry.attempts == 0
    assert entry.done_at is entry.dead_lettered_at is None


def test_dispatch_does_not_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(job_ids: Sequence[UUID]) -> None:
        raise ConnectionError("Redis is down")

    monkeypatch.setattr(broker, "publish", broken)
    job_id = enqueue("tests.tenant")
    assert not outbox.dispatch([job_id])
    assert outbox.dispatch([])


def test_jobs_have_metrics() -> None:
    def value(name: str) -> float:
        return REGISTRY.get_sample_value(name, {"job": "tests.tenant"}) or 0

    names = ("job_started_total", "job_succeeded_total", "job_duration_seconds_count")
    before = [value(name) for name in (*names, "job_queue_latency_seconds_count")]
    execution.run_job(enqueue("tests.tenant"))
    after = [value(name) for name in (*names, "job_queue_latency_seconds_count")]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1, 1]
