"""No job is lost: not with a killed worker, not with an emptied Valkey."""

import signal
import time

import pytest

from .concurrency import map_concurrently, run_concurrently
from .factories import Factory, Organization
from .service import ManagedService, end
from .test_exports import start_export, wait_for_export

BOUND = 90


@pytest.fixture
def large(factory: Factory) -> Organization:
    """An organization whose export takes a while."""
    organization = factory.organization(factory.register("heavy"))
    map_concurrently(
        lambda block: organization.import_projects(
            [f"Project {block} {number}" for number in range(1000)], description="x" * 900
        ),
        range(8),
    )
    return organization


def test_jobs_complete_after_the_worker_is_killed(
    managed_service: ManagedService, large: Organization
) -> None:
    paths = run_concurrently([lambda: start_export(large, "json")] * 6)
    api = large.owner.api
    deadline = time.monotonic() + 30
    # In the middle: something runs or has run, and something is still to be done.
    while {"queued"} == {api.get(path).json()["status"] for path in paths}:
        assert time.monotonic() < deadline
    managed_service.signal("worker", signal.SIGKILL)
    left = [path for path in paths if api.get(path).json()["status"] != "succeeded"]
    assert left, "the worker was faster than its murderer: make the export larger"
    managed_service.start("worker")
    for path in paths:
        export = wait_for_export(large.owner, path, within=BOUND)
        assert export["status"] == "succeeded"
        assert len(api.get(export["download_url"]).json()) == 8000
    # The effect happened once each.
    events = api.get(f"{large.path}/audit-events?limit=100").json()["items"]
    per_export = [event for event in events if event["action"].startswith("export.")]
    assert len({(event["action"], str(event["target"])) for event in per_export}) == len(per_export)


def test_jobs_complete_after_valkey_is_flushed(
    managed_service: ManagedService, organization: Organization
) -> None:
    organization.project()
    managed_service.signal("worker", signal.SIGSTOP)
    try:
        paths = [start_export(organization) for _ in range(3)]
        managed_service.flush_valkey()
    finally:
        managed_service.signal("worker", signal.SIGCONT)
    for path in paths:
        assert wait_for_export(organization.owner, path, within=BOUND)["status"] == "succeeded"


def test_jobs_complete_after_kill_and_flush(
    managed_service: ManagedService, organization: Organization
) -> None:
    managed_service.signal("worker", signal.SIGSTOP)
    paths = [start_export(organization) for _ in range(3)]
    managed_service.signal("worker", signal.SIGKILL)
    managed_service.flush_valkey()
    managed_service.start("worker")
    for path in paths:
        assert wait_for_export(organization.owner, path, within=BOUND)["status"] == "succeeded"


@pytest.mark.parametrize("name", ["worker", "scheduler"])
def test_process_exits_with_0_on_sigterm(managed_service: ManagedService, name: str) -> None:
    # Before it is up, a signal ends it as it ends any program; a busy machine takes its time.
    for patience in (4, 8, 16):
        process = managed_service.spawn(name)
        try:
            time.sleep(patience)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            if process.wait(30) == 0:
                return
        finally:
            end(process)
    raise AssertionError(f"the {name} ends with {process.returncode}")
