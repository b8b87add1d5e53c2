"""Jobs complete although a worker is killed or Valkey loses its data."""

import signal
import time

import pytest

from .concurrency import map_concurrently, run_concurrently
from .factories import Factory, Organization
from .mailbox import Mailbox
from .service import ManagedService, end
from .test_exports import start_export, wait_for_export

BOUND = 90


@pytest.fixture
def large(factory: Factory) -> Organization:
    """Return an organization whose export takes long enough to kill the worker during it."""
    organization = factory.organization(factory.register("heavy"))
    map_concurrently(
        lambda block: organization.import_projects(
            [f"Project {block} {number}" for number in range(1000)], description="x" * 900
        ),
        range(8),
    )
    return organization


@pytest.mark.feature("exports")
def test_effects_in_the_database_happen_once_after_a_kill(
    managed_service: ManagedService, large: Organization
) -> None:
    paths = run_concurrently([lambda: start_export(large, "json")] * 6)
    api = large.owner.api
    deadline = time.monotonic() + 30
    # Wait until at least one export has started.
    while {"queued"} == {api.get(path).json()["status"] for path in paths}:
        assert time.monotonic() < deadline, "no export started within 30 s, is the worker running?"
    managed_service.signal("worker", signal.SIGKILL)
    left = [path for path in paths if api.get(path).json()["status"] != "succeeded"]
    assert left, "expected unfinished exports after SIGKILL: make the export larger"
    managed_service.start("worker")
    for path in paths:
        export = wait_for_export(large.owner, path, within=BOUND)
        assert export["status"] == "succeeded"
        assert len(api.get(export["download_url"]).json()) == 8000
    # Each export took effect once.
    events = api.get(f"{large.path}/audit-events?limit=100").json()["items"]
    per_export = [event for event in events if event["action"].startswith("export.")]
    assert len({(event["action"], str(event["target"])) for event in per_export}) == len(per_export)


def test_jobs_complete_after_valkey_is_flushed(
    managed_service: ManagedService, mailbox: Mailbox, organization: Organization
) -> None:
    managed_service.signal("worker", signal.SIGSTOP)
    try:
        guests = invite(organization, 3)
        managed_service.flush_valkey()
    finally:
        managed_service.signal("worker", signal.SIGCONT)
    assert_invited(mailbox, guests)


def test_jobs_complete_after_kill_and_flush(
    managed_service: ManagedService, mailbox: Mailbox, organization: Organization
) -> None:
    managed_service.signal("worker", signal.SIGSTOP)
    guests = invite(organization, 3)
    managed_service.signal("worker", signal.SIGKILL)
    managed_service.flush_valkey()
    managed_service.start("worker")
    assert_invited(mailbox, guests)


def test_jobs_complete_after_kills_while_they_run(
    managed_service: ManagedService, mailbox: Mailbox, organization: Organization
) -> None:
    guests: list[str] = []
    for _ in range(3):
        guests += invite(organization, 10)
        managed_service.signal("worker", signal.SIGKILL)
        managed_service.start("worker")
    assert_invited(mailbox, guests)


def invite(organization: Organization, count: int) -> list[str]:
    """Invite new addresses at the same time; return them."""
    guests = [Factory.address("guest") for _ in range(count)]
    map_concurrently(organization.invite, guests)
    return guests


def assert_invited(mailbox: Mailbox, guests: list[str]) -> None:
    for guest in guests:
        mailbox.tokens("accept-invitation", guest, timeout=BOUND)


@pytest.mark.parametrize("name", ["worker", "scheduler"])
def test_process_exits_with_0_on_sigterm(managed_service: ManagedService, name: str) -> None:
    # Before its signal handlers are installed SIGTERM kills the process: retry with longer waits.
    for delay in (4, 8, 16):
        process = managed_service.spawn(name)
        try:
            time.sleep(delay)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            if process.wait(30) == 0:
                return
        finally:
            end(process)
    raise AssertionError(f"expected exit status 0 from {name}, got {process.returncode}")
