from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from app.core.ids import uuid7
from app.core.jobs import registry
from app.core.jobs.registry import LONGEST_BACKOFF, backoff, job, period_start


@pytest.fixture(autouse=True)
def _empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_jobs", {})


def send(session: object, *, to: UUID, on: date, note: str | None = None) -> None:
    """Have required and optional arguments."""


def tidy(session: object) -> None:
    """Have no arguments."""


def positional(session: object, to: UUID) -> None:
    """Have an argument that is not keyword-only."""


def test_arguments_are_stored_as_json_and_restored_with_types() -> None:
    job("mail.send", max_attempts=3, timeout=10)(send)
    declared = registry.find("mail.send")
    assert declared is not None
    to, on = uuid7(), date(2026, 11, 22)
    stored = declared.pack({"to": to, "on": on})
    assert stored == {"to": str(to), "on": "2026-11-22", "note": None}
    assert declared.unpack(stored) == {"to": to, "on": on, "note": None}
    assert (declared.function, declared.max_attempts, declared.timeout) == (send, 3, 10)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"to": "not an id"}, {"to": uuid7(), "on": date(2026, 1, 1), "more": 1}],
)
def test_wrong_arguments_are_rejected_without_their_values(arguments: dict[str, Any]) -> None:
    job("mail.send")(send)
    declared = registry.find("mail.send")
    assert declared is not None
    with pytest.raises(ValidationError) as caught:
        declared.pack(arguments)
    assert "not an id" not in str(caught.value)


def test_duplicate_name_is_rejected() -> None:
    job("mail.send")(send)
    with pytest.raises(ValueError, match=r"two jobs are declared with the name mail\.send"):
        job("mail.send")(tidy)
    assert [declared.name for declared in registry.every_job()] == ["mail.send"]
    assert registry.find("mail.receive") is None
    with pytest.raises(LookupError, match=r"there is no job mail\.receive"):
        registry.get("mail.receive")


def test_invalid_declarations_are_rejected() -> None:
    with pytest.raises(TypeError, match="keyword-only"):
        job("mail.send")(positional)
    with pytest.raises(TypeError, match="no arguments"):
        job("mail.send", every=timedelta(hours=1))(send)
    for every in (timedelta(seconds=1), timedelta(days=8)):
        with pytest.raises(ValueError, match="between 30 seconds and 1 day"):
            job("mail.tidy", every=every)(tidy)


def test_period_start_is_constant_within_a_period() -> None:
    hour = timedelta(hours=1)
    begin = datetime(2026, 11, 22, 5, tzinfo=UTC)
    assert period_start(hour, begin) == begin
    assert period_start(hour, begin + timedelta(minutes=59, seconds=59.9)) == begin
    assert period_start(hour, begin + hour) == begin + hour


def test_scheduled_jobs_have_a_key_for_each_period() -> None:
    job("mail.send")(send)
    job("mail.tidy", every=timedelta(hours=1))(tidy)
    now = datetime(2026, 11, 22, 5, 59, tzinfo=UTC)
    assert registry.schedule_keys(now) == {"mail.tidy": "mail.tidy:2026-11-22T05:00:00"}


def test_backoff_doubles_with_jitter_up_to_a_limit() -> None:
    for attempt in range(1, 8):
        waits = [backoff(attempt).total_seconds() for _ in range(200)]
        longest = 5 * 2 ** (attempt - 1)
        assert longest / 2 <= min(waits) < max(waits) <= longest
    assert backoff(1000) <= LONGEST_BACKOFF
