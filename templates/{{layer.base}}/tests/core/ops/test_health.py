from pathlib import Path

import pytest

from app.core.ops import health
from app.core.ops.health import Checks
from app.settings import settings


@pytest.fixture
def checks() -> Checks:
    checks = Checks()
    checks.migrated = True
    return checks


@pytest.mark.parametrize(
    ("database", "migrated", "redis", "status", "ready", "started"),
    [
        (True, True, True, "ok", True, True),
        (True, True, False, "degraded", True, True),
        (True, False, True, "failed", False, False),
        (False, True, True, "failed", False, False),
        (False, True, False, "failed", False, False),
    ],
)
def test_status_is_that_of_the_worst_check(
    *, database: bool, migrated: bool, redis: bool, status: str, ready: bool, started: bool
) -> None:
    checks = Checks()
    checks.migrated = migrated
    checks.record(database=database, redis=redis)
    readiness = checks.readiness()
    assert (readiness.status, readiness.is_ready(), readiness.is_started()) == (
        status,
        ready,
        started,
    )


def test_draining_process_is_started_but_not_ready(checks: Checks) -> None:
    checks.record(database=True, redis=True)
    checks.draining = True
    readiness = checks.readiness()
    assert (readiness.status, readiness.is_ready(), readiness.is_started()) == (
        "draining",
        False,
        True,
    )


def test_drain_file_drains_at_once(
    checks: Checks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain_file = tmp_path / "drain"
    monkeypatch.setitem(settings.__dict__, "drain_file", drain_file)
    checks.record(database=True, redis=True)
    assert checks.readiness().status == "ok"
    drain_file.touch()
    assert checks.readiness().status == "draining"


def test_results_are_kept_for_a_while(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.are_stale()
    checks.record(database=True, redis=True)
    assert not checks.are_stale()
    monkeypatch.setattr(health, "CACHE_SECONDS", 0)
    assert checks.are_stale()
