"""The outbox, with the engine's `send` replaced: what it is told, and what running does."""

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
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import context
from app.core.context import Actor, Context
from app.core.db.unit_of_work import unit_of_work
from app.core.errors import NotFound
from app.core.ids import uuid7
from app.core.jobs import broker, execution, outbox
from app.core.jobs.registry import job
from app.core.models import OutboxEntry
from tests.concurrency import run_concurrently

pytestmark = pytest.mark.usefixtures("database")

seen: list[Any] = []


@job("tests.note")
async def note(session: AsyncSession, *, what: UUID, when: datetime, times: int = 1) -> None:
    seen.append((what, when, times, execution.current_job_id(), context.current()))


async def mourn(session: AsyncSession, *, error: str) -> None:
    tenant = await session.scalar(text("SELECT current_setting('app.organization_id', true)"))
    seen.append(("dead", error, tenant))


@job("tests.fail", max_attempts=2, on_dead_letter=mourn)
async def fail(session: AsyncSession, *, error: str) -> None:
    seen.append("attempt")
    await outbox.enqueue(session, "tests.tenant")  # goes back with the rest
    raise RuntimeError(error)


@job("tests.tenant")
async def tenant(session: AsyncSession) -> None:
    names = ("app.organization_id", "statement_timeout", "idle_in_transaction_session_timeout")
    seen.append([await session.scalar(select(func.current_setting(name, True))) for name in names])


@job("tests.slow", timeout=0.2)
async def slow(session: AsyncSession) -> None:
    await session.execute(text("SELECT pg_sleep(30)"))


@job("tests.parent")
async def parent(session: AsyncSession) -> None:
    await outbox.enqueue(session, "tests.tenant")
    seen.append(list(seen))


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    hints: list[UUID] = []

    async def send(job_ids: Sequence[UUID]) -> None:
        hints.extend(job_ids)

    monkeypatch.setattr(broker, "publish", send)
    seen.clear()
    return hints


@pytest.fixture
def caused_by() -> Any:
    def bind(**values: Any) -> None:
        context.bind(Context(**{"request_id": "request-1", **values}))

    yield bind
    context.bind(Context(request_id="-"))


async def enqueue(name: str, **arguments: Any) -> UUID:
    async with unit_of_work() as session:
        return await outbox.enqueue(session, name, **arguments)


async def find(job_id: UUID) -> OutboxEntry:
    async with unit_of_work() as session:
        entry = await session.get(OutboxEntry, job_id)
        assert entry is not None
        return entry


async def change(job_id: UUID, **values: Any) -> None:
    async with unit_of_work() as session:
        await session.execute(update(OutboxEntry).where(OutboxEntry.id == job_id).values(**values))


async def test_a_job_is_sent_after_the_commit(sent: list[UUID]) -> None:
    async with unit_of_work() as session:
        job_id = await outbox.enqueue(session, "tests.tenant")
        await session.flush()
        assert sent == []
    assert sent == [job_id]


async def test_a_transaction_that_fails_leaves_no_job(sent: list[UUID]) -> None:
    async def use_case() -> None:
        async with unit_of_work() as session:
            await outbox.enqueue(session, "tests.tenant")
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use_case()
    async with unit_of_work() as session:
        assert await outbox.list_jobs(session) == []
    assert sent == []


async def test_what_cannot_run_is_refused_at_once() -> None:
    async with unit_of_work() as session:
        with pytest.raises(LookupError, match=r"tests\.unknown"):
            await outbox.enqueue(session, "tests.unknown")
        with pytest.raises(ValidationError):
            await outbox.enqueue(session, "tests.note", what=uuid7())
        with pytest.raises(ValidationError):
            await outbox.enqueue(session, "tests.tenant", extra=1)


async def test_a_job_gets_its_arguments_and_the_context_of_its_cause(
    caused_by: Callable[..., None],
) -> None:
    organization_id, what, when = uuid7(), uuid7(), datetime.now(UTC)
    actor = Actor("user", uuid7(), "ann@example.com")
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    caused_by(organization_id=organization_id, actor=actor, traceparent=traceparent)
    job_id = await enqueue("tests.note", what=what, when=when)
    caused_by()
    await execution.run_job(job_id)
    expected = Context("request-1", None, None, traceparent, organization_id, actor)
    assert seen == [(what, when, 1, job_id, expected)]
    assert context.current().organization_id is None
    entry = await find(job_id)
    assert entry.done_at
    assert entry.attempts == 1
    with pytest.raises(LookupError):
        execution.current_job_id()


async def test_a_job_has_its_tenant_and_its_own_time(caused_by: Callable[..., None]) -> None:
    organization_id = uuid7()
    caused_by(organization_id=organization_id)
    await execution.run_job(await enqueue("tests.tenant"))
    caused_by()
    await execution.run_job(await enqueue("tests.tenant"))
    limits = ["302s", "302s"]
    assert seen == [[str(organization_id), *limits], ["", *limits]]


async def test_a_job_is_done_once() -> None:
    job_id = await enqueue("tests.tenant")
    for _ in range(3):
        await execution.run_job(job_id)
    await execution.run_job(uuid7())
    assert len(seen) == 1


@pytest.mark.committed
async def test_of_many_workers_one_runs_the_job() -> None:
    job_id = await enqueue("tests.parent")
    await run_concurrently(partial(execution.run_job, job_id) for _ in range(5))
    assert len(seen) == 1
    assert (await find(job_id)).attempts == 1


async def test_a_delayed_job_waits(sent: list[UUID]) -> None:
    job_id = await enqueue("tests.tenant", delay=timedelta(days=7))
    await execution.run_job(job_id)
    assert seen == sent == []
    await change(job_id, available_at=func.clock_timestamp())
    await execution.run_job(job_id)
    assert len(seen) == 1


async def test_what_a_job_enqueues_is_sent_when_it_is_done(sent: list[UUID]) -> None:
    job_id = await enqueue("tests.parent")
    await execution.run_job(job_id)
    assert len(sent) == 2
    await execution.run_job(sent[1])
    assert len(seen) == 2


async def test_a_failing_job_is_tried_again_later_and_then_dead(
    caused_by: Callable[..., None], sent: list[UUID], caplog: pytest.LogCaptureFixture
) -> None:
    organization_id = uuid7()
    caused_by(organization_id=organization_id)
    job_id = await enqueue("tests.fail", error="no such host: Bearer abcdefghijklmnop")
    await execution.run_job(job_id)
    entry = await find(job_id)
    assert entry.last_error == "RuntimeError: no such host: Bearer [redacted]"
    wait = entry.available_at - datetime.now(UTC)
    assert timedelta(seconds=1) < wait < timedelta(seconds=6)
    assert entry.started_at is entry.dispatched_at is entry.dead_lettered_at is None
    await execution.run_job(job_id)
    assert seen == ["attempt"]  # not before it is due

    await change(job_id, available_at=func.clock_timestamp())
    with caplog.at_level(logging.ERROR):
        await execution.run_job(job_id)
    error = "no such host: Bearer abcdefghijklmnop"
    assert seen == ["attempt", "attempt", ("dead", error, str(organization_id))]
    entry = await find(job_id)
    assert entry.dead_lettered_at
    assert entry.attempts == 2
    assert sent == [job_id]
    assert "job is dead" in caplog.text
    async with unit_of_work() as session:
        assert [each.id for each in await outbox.list_jobs(session, dead_letters=True)] == [job_id]
        assert await outbox.list_jobs(session) == []


async def test_a_dead_job_can_be_replayed(sent: list[UUID]) -> None:
    job_id = await enqueue("tests.tenant")
    await change(job_id, dead_lettered_at=func.clock_timestamp(), attempts=5)
    await execution.run_job(job_id)
    assert seen == []
    async with unit_of_work() as session:
        await outbox.replay(session, job_id)
    assert sent == [job_id, job_id]
    await execution.run_job(job_id)
    assert len(seen) == 1
    async with unit_of_work() as session:
        with pytest.raises(NotFound):
            await outbox.replay(session, job_id)


async def test_a_job_is_dead_even_if_its_module_cannot_be_told() -> None:
    job_id = await enqueue("tests.fail", error="x")
    await change(job_id, attempts=2, arguments={"of": "an older release"})
    await execution.run_job(job_id)
    entry = await find(job_id)
    assert entry.dead_lettered_at
    assert entry.last_error == "the worker died whenever it ran this job"


@pytest.mark.committed
async def test_a_job_that_takes_too_long_is_ended() -> None:
    job_id = await enqueue("tests.slow")
    begun = time.monotonic()
    await execution.run_job(job_id)
    assert time.monotonic() - begun < 10
    assert (await find(job_id)).last_error == "TimeoutError: "


async def test_a_job_of_another_release_is_left_alone() -> None:
    job_id = await enqueue("tests.tenant")
    await change(job_id, job="tests.of_tomorrow")
    await execution.run_job(job_id)
    entry = await find(job_id)
    assert entry.attempts == 0
    assert entry.done_at is entry.dead_lettered_at is None


async def test_hand_over_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(job_ids: Sequence[UUID]) -> None:
        raise ConnectionError("Redis is away")

    monkeypatch.setattr(broker, "publish", broken)
    job_id = await enqueue("tests.tenant")
    assert not await outbox.dispatch([job_id])
    assert await outbox.dispatch([])


async def test_jobs_are_measured() -> None:
    def value(name: str) -> float:
        return REGISTRY.get_sample_value(name, {"job": "tests.tenant"}) or 0

    names = ("job_started_total", "job_succeeded_total", "job_duration_seconds_count")
    before = [value(name) for name in (*names, "job_queue_latency_seconds_count")]
    await execution.run_job(await enqueue("tests.tenant"))
    after = [value(name) for name in (*names, "job_queue_latency_seconds_count")]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1, 1]
