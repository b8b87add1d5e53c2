import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from app.core.ids import uuid7
from app.core.jobs import attempts, registry
from app.core.jobs.attempts import Attempt
from app.core.jobs.registry import job

NAME = "mail.send"


@dataclass
class Entry:
    job: str = NAME
    attempts: int = 0
    available_at: datetime = datetime(2026, 11, 22, tzinfo=UTC)
    arguments: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid7)
    dead_lettered_at: datetime | None = None
    last_error: str | None = None


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_jobs", {})

    @job(NAME, max_attempts=2)
    def send(*, to: str) -> None:
        """Have one argument."""


def plan(**values: Any) -> Attempt:
    attempt = attempts.plan(Entry(**values))
    assert attempt is not None
    return attempt


def count(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"job": NAME}) or 0


def test_summary_shows_the_state_of_a_job() -> None:
    entry = Entry()
    assert attempts.summarize(entry) == f"{entry.id}  open  mail.send  attempts=0  "
    entry = Entry(attempts=2, dead_lettered_at=entry.available_at, last_error="KeyError: 'to'")
    expected = f"{entry.id}  dead letter  mail.send  attempts=2  KeyError: 'to'"
    assert attempts.summarize(entry) == expected


def test_attempt_has_the_next_number_and_the_arguments_of_its_row() -> None:
    entry = Entry(attempts=1, arguments={"to": "ada"}, context={"request_id": "1"})
    attempt = attempts.plan(entry)
    assert attempt is not None
    assert (attempt.job_id, attempt.number, attempt.exhausted) == (entry.id, 2, False)
    assert attempt.unpack() == {"to": "ada"}
    assert attempt.context == entry.context


def test_attempt_after_the_last_one_is_exhausted_and_keeps_its_number() -> None:
    attempt = plan(attempts=2)
    assert (attempt.number, attempt.exhausted) == (2, True)


def test_job_of_another_release_has_no_attempt(caplog: pytest.LogCaptureFixture) -> None:
    assert attempts.plan(Entry(job="mail.unknown")) is None
    [record] = caplog.records
    assert (record.getMessage(), record.__dict__["job"]) == (
        "job is not declared in this release",
        "mail.unknown",
    )


def test_failed_job_waits_until_its_last_attempt_has_failed() -> None:
    wait = attempts.retry_wait(plan())
    assert wait is not None
    assert timedelta() < wait <= registry.FIRST_BACKOFF
    assert attempts.retry_wait(plan(attempts=1)) is None


def test_error_is_described_without_secrets_and_cut() -> None:
    described = attempts.describe(ValueError("password=hunter2 " + "x" * 5000))
    assert described.startswith("ValueError: ")
    assert "hunter2" not in described
    assert len(described) == 1000


def test_first_attempt_records_how_long_the_job_has_waited() -> None:
    waited, duration = count("job_queue_latency_seconds_count"), count("job_duration_seconds_count")
    started = count("job_started_total")
    for number in (0, 1):
        with attempts.measure(plan(attempts=number)):
            pass
    assert count("job_queue_latency_seconds_count") == waited + 1
    assert count("job_duration_seconds_count") == duration + 2
    assert count("job_started_total") == started + 2


def test_outcomes_are_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    names = ("job_succeeded_total", "job_retried_total", "job_failed_total")
    before = [count(name) for name in names]
    error = RuntimeError("late")
    attempts.record_success(plan())
    attempts.record_retry(plan(), error, timedelta(seconds=4.6))
    attempts.record_dead_letter(plan(attempts=1), "RuntimeError: late")
    assert [count(name) for name in names] == [value + 1 for value in before]
    done, retried, moved = caplog.records
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "ERROR"]
    assert done.__dict__["attempt"] == 1
    assert retried.__dict__["wait_seconds"] == 5
    assert retried.exc_info is not None
    assert (moved.__dict__["attempt"], moved.__dict__["reason"]) == (2, "RuntimeError: late")


def test_age_of_the_oldest_due_job_is_never_negative() -> None:
    ages = []
    now = datetime.now(UTC)
    for oldest in (now - timedelta(minutes=1), now + timedelta(minutes=1), None):
        attempts.record_oldest_due(oldest)
        ages.append(REGISTRY.get_sample_value("outbox_oldest_age_seconds") or 0)
    assert ages == [pytest.approx(60, abs=5), 0, 0]
