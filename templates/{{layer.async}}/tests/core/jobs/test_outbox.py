"""The outbox and the execution of its jobs; `broker.publish` is replaced."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from app.core import context
from app.core.context import Actor, Context
from app.core.errors import NotFound
from app.core.ids import uuid7
from app.core.jobs import broker, execution, outbox
from app.core.jobs.current_job import current_job_id
from tests.concurrency import run_concurrently
from tests.core.jobs.samples import calls, enqueue, get_entry, update_entry
from tests.database import open_unit_of_work

# Jobs are published after a commit.
pytestmark = [pytest.mark.committed, pytest.mark.usefixtures("database")]


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    published: list[UUID] = []

    async def publish(job_ids: Sequence[UUID]) -> None:
        published.extend(job_ids)

    monkeypatch.setattr(broker, "publish", publish)
    calls.clear()
    return published


@pytest.fixture
def bind_context() -> Any:
    def bind(**values: Any) -> None:
        context.bind(Context(**{"request_id": "request-1", **values}))

    yield bind
    context.bind(Context(request_id="-"))


async def list_jobs(*, dead_letters: bool = False) -> list[UUID]:
    async with open_unit_of_work() as unit:
        entries = await unit.call(outbox.list_jobs, dead_letters=dead_letters)
    return [entry.id for entry in entries]


async def test_job_is_published_after_the_commit(published: list[UUID]) -> None:
    async with open_unit_of_work() as unit:
        job_id = await unit.call(outbox.enqueue, "samples.settings")
        assert published == []
    assert published == [job_id]


async def test_rollback_leaves_no_job(published: list[UUID]) -> None:
    async def use_case() -> None:
        async with open_unit_of_work() as unit:
            await unit.call(outbox.enqueue, "samples.settings")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use_case()
    assert await list_jobs() == []
    assert published == []


async def test_enqueue_rejects_unknown_jobs_and_wrong_arguments() -> None:
    async with open_unit_of_work() as unit:
        with pytest.raises(LookupError, match=r"samples\.unknown"):
            await unit.call(outbox.enqueue, "samples.unknown")
        with pytest.raises(ValidationError):
            await unit.call(outbox.enqueue, "samples.arguments", item_id=uuid7())
        with pytest.raises(ValidationError):
            await unit.call(outbox.enqueue, "samples.settings", extra=1)


async def test_job_runs_with_its_arguments_and_the_context_of_its_request(
    bind_context: Callable[..., None],
) -> None:
    organization_id, item_id, at = uuid7(), uuid7(), datetime.now(UTC)
    actor = Actor("user", uuid7(), "ann@example.com")
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    bind_context(organization_id=organization_id, actor=actor, traceparent=traceparent)
    job_id = await enqueue("samples.arguments", item_id=item_id, at=at)
    bind_context()
    await execution.run_job(job_id)
    expected = Context("request-1", None, None, traceparent, organization_id, actor)
    assert calls == [(item_id, at, 1, job_id, expected)]
    assert context.current().organization_id is None
    entry = await get_entry(job_id)
    assert entry.done_at
    assert entry.attempts == 1
    with pytest.raises(LookupError):
        current_job_id()


async def test_job_runs_with_its_tenant_and_its_time_limits(
    bind_context: Callable[..., None],
) -> None:
    organization_id = uuid7()
    bind_context(organization_id=organization_id)
    await execution.run_job(await enqueue("samples.settings"))
    bind_context()
    await execution.run_job(await enqueue("samples.settings"))
    limits = ["302s", "302s"]
    assert calls == [[str(organization_id), *limits], ["", *limits]]


async def test_finished_job_is_not_run_again() -> None:
    job_id = await enqueue("samples.settings")
    for _ in range(3):
        await execution.run_job(job_id)
    await execution.run_job(uuid7())
    assert len(calls) == 1


async def test_concurrent_workers_run_a_job_once() -> None:
    job_id = await enqueue("samples.parent")
    await run_concurrently(partial(execution.run_job, job_id) for _ in range(5))
    assert len(calls) == 1
    assert (await get_entry(job_id)).attempts == 1


async def test_delayed_job_does_not_run_early(published: list[UUID]) -> None:
    job_id = await enqueue("samples.settings", delay=timedelta(days=7))
    await execution.run_job(job_id)
    assert calls == published == []
    await update_entry(job_id, available_at=datetime.now(UTC))
    await execution.run_job(job_id)
    assert len(calls) == 1


async def test_job_enqueued_by_a_job_is_published_after_it(published: list[UUID]) -> None:
    job_id = await enqueue("samples.parent")
    await execution.run_job(job_id)
    assert len(published) == 2
    await execution.run_job(published[1])
    assert len(calls) == 2


async def test_failing_job_is_retried_and_then_moved_to_dead_letters(
    bind_context: Callable[..., None], published: list[UUID], caplog: pytest.LogCaptureFixture
) -> None:
    organization_id = uuid7()
    bind_context(organization_id=organization_id)
    job_id = await enqueue("samples.fail", error="no such host: Bearer abcdefghijklmnop")
    await execution.run_job(job_id)
    entry = await get_entry(job_id)
    assert entry.last_error == "RuntimeError: no such host: Bearer [redacted]"
    wait = entry.available_at - datetime.now(UTC)
    assert timedelta(seconds=1) < wait < timedelta(seconds=6)
    assert entry.started_at is entry.dispatched_at is entry.dead_lettered_at is None
    await execution.run_job(job_id)
    assert calls == ["attempt"]  # it is not due yet

    await update_entry(job_id, available_at=datetime.now(UTC))
    with caplog.at_level(logging.ERROR):
        await execution.run_job(job_id)
    error = "no such host: Bearer abcdefghijklmnop"
    assert calls == ["attempt", "attempt", ("dead letter", error, str(organization_id))]
    entry = await get_entry(job_id)
    assert entry.dead_lettered_at
    assert entry.attempts == 2
    assert published == [job_id]
    assert "job moved to dead letters" in caplog.text
    assert await list_jobs(dead_letters=True) == [job_id]
    assert await list_jobs() == []


async def test_dead_letter_can_be_replayed(published: list[UUID]) -> None:
    job_id = await enqueue("samples.settings")
    await update_entry(job_id, dead_lettered_at=datetime.now(UTC), attempts=5)
    await execution.run_job(job_id)
    assert calls == []
    async with open_unit_of_work() as unit:
        await unit.call(outbox.replay, job_id)
    assert published == [job_id, job_id]
    await execution.run_job(job_id)
    assert len(calls) == 1
    async with open_unit_of_work() as unit:
        with pytest.raises(NotFound):
            await unit.call(outbox.replay, job_id)


async def test_job_is_moved_to_dead_letters_when_on_dead_letter_fails() -> None:
    job_id = await enqueue("samples.fail", error="x")
    await update_entry(job_id, attempts=2, arguments={"renamed": "x"})
    await execution.run_job(job_id)
    entry = await get_entry(job_id)
    assert entry.dead_lettered_at
    assert entry.last_error == "the worker was killed during each attempt"


async def test_job_is_ended_after_its_timeout() -> None:
    job_id = await enqueue("samples.slow")
    started = time.monotonic()
    await execution.run_job(job_id)
    assert time.monotonic() - started < 10
    # In async code asyncio raises; in sync code the database cancels the statement.
    assert "timeout" in str((await get_entry(job_id)).last_error).lower()


async def test_job_that_computes_past_its_timeout_has_no_effect() -> None:
    job_id = await enqueue("samples.compute")
    await execution.run_job(job_id)
    entry = await get_entry(job_id)
    assert entry.done_at is entry.started_at is None
    assert "timeout" in str(entry.last_error).lower()
    assert await list_jobs() == [job_id]


async def test_outcome_of_an_overtaken_attempt_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "CLAIM_GRACE", timedelta())
    job_id = await enqueue("samples.overtaken", error="late")
    await execution.run_job(job_id)
    # Only the second worker, which found no attempt left, has called it.
    assert [call[:2] for call in calls] == [("dead letter", "late")]
    entry = await get_entry(job_id)
    assert entry.last_error == "the worker was killed during each attempt"


async def test_job_of_another_release_is_not_claimed() -> None:
    job_id = await enqueue("samples.settings")
    await update_entry(job_id, job="samples.unknown")
    await execution.run_job(job_id)
    entry = await get_entry(job_id)
    assert entry.attempts == 0
    assert entry.done_at is entry.dead_lettered_at is None


async def test_dispatch_returns_false_when_the_broker_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail_to_publish(job_ids: Sequence[UUID]) -> None:
        raise ConnectionError("Redis is down")

    monkeypatch.setattr(broker, "publish", fail_to_publish)
    job_id = await enqueue("samples.settings")
    assert not await outbox.dispatch([job_id])
    assert await outbox.dispatch([])


async def test_job_metrics_are_recorded() -> None:
    def value(name: str) -> float:
        return REGISTRY.get_sample_value(name, {"job": "samples.settings"}) or 0

    names = ("job_started_total", "job_succeeded_total", "job_duration_seconds_count")
    before = [value(name) for name in (*names, "job_queue_latency_seconds_count")]
    await execution.run_job(await enqueue("samples.settings"))
    after = [value(name) for name in (*names, "job_queue_latency_seconds_count")]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1, 1]
