"""Worker and scheduler processes: killed, stopped and cut off from Redis while jobs run."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest

from app.core import context, redis
from app.core.ids import uuid7
from app.core.jobs import broker
from app.core.ops import heartbeat
from app.settings import settings
from tests.core.jobs.samples import count_starts, enqueue, get_entry
from tests.database import execute
from tools.devservers import ROOT, ManagedProcess, Valkey

pytestmark = [pytest.mark.committed, pytest.mark.usefixtures("database", "effects")]


@pytest.fixture(scope="module")
def effects(migrated: None) -> Iterator[None]:
    with psycopg.connect(settings.migration_database_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE effects (job_id uuid, organization_id text, process integer)")
        yield
        owner.execute("DROP TABLE effects")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class JobProcesses:
    """A worker and a scheduler process, with short intervals and time-outs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.by_role: dict[str, ManagedProcess] = {}
        self.environment: dict[str, str] = {}
        self.ports = {"worker": free_port(), "scheduler": free_port()}

    def start(self, **environment: str) -> None:
        """Start the processes that do not run, as a process supervisor does."""
        if environment != self.environment:
            self.stop()
            self.environment = environment
        for role in ("worker", "scheduler"):
            process = self.by_role.get(role)
            if process is None or process.popen.poll() is not None:
                if process:
                    process.stop()  # closes its pipe
                self.by_role[role] = self._start(role)

    def _start(self, role: str) -> ManagedProcess:
        with (self.directory / "log").open("ab") as log:
            return ManagedProcess(
                [sys.executable, "-m", "tests.core.jobs.process", role],
                env={
                    **os.environ,
                    "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
                    "SCHEDULER_INTERVAL_SECONDS": "1",
                    "WORKER_CONCURRENCY": "2",
                    "WORKER_GRACE_SECONDS": "5",
                    "HEARTBEAT_DIR": str(self.directory),
                    "METRICS_PORT": str(self.ports[role]),
                    "PROMETHEUS_MULTIPROC_DIR": str(self.directory / f"metrics-{role}"),
                    **self.environment,
                },
                output=log.fileno(),
            )

    def stopped(self, role: str) -> int:
        """Send SIGTERM, and wait for the exit status."""
        process = self.by_role[role]
        process.send_stop_signal()
        return process.popen.wait(20)

    def stop(self) -> None:
        for process in self.by_role.values():
            process.send_stop_signal()
        for process in self.by_role.values():
            process.stop()
        self.by_role.clear()


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobProcesses]:
    directory = tmp_path_factory.mktemp("jobs")
    job_processes = JobProcesses(directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(settings.__dict__, "heartbeat_dir", directory)
        yield job_processes
        job_processes.stop()


@pytest.fixture
def job_processes(processes: JobProcesses) -> JobProcesses:
    processes.start()
    return processes


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, (
            f"expected the condition within {seconds} s: see the log file"
        )
        time.sleep(0.1)


def list_effects(job_id: UUID) -> list[tuple[str | None, int]]:
    """List the rows that a job inserted: organization and process id."""
    rows = execute("SELECT organization_id, process FROM effects WHERE job_id = %(id)s", id=job_id)
    return [(row["organization_id"], row["process"]) for row in rows]


def schedule_has_run() -> bool:
    """Return whether a scheduler has enqueued `core.purge`."""
    return execute("SELECT id FROM outbox WHERE job = 'core.purge'") != []


def done(job_id: UUID) -> Callable[[], datetime | None]:
    def check() -> datetime | None:
        return (get_entry(job_id)).done_at

    return check


def started(job_id: UUID) -> Callable[[], bool]:
    def check() -> bool:
        return count_starts(job_id) > 0

    return check


def test_job_runs_and_heartbeats_are_fresh(
    job_processes: JobProcesses,
) -> None:
    job_id = enqueue("samples.effect")
    until(done(job_id))
    assert len(list_effects(job_id)) == 1
    until(partial(is_alive, "worker"))
    until(partial(is_alive, "scheduler"))


def is_alive(role: heartbeat.Role) -> bool:
    return heartbeat.is_alive(role)


def test_duplicate_messages_run_a_job_once(job_processes: JobProcesses) -> None:
    job_id = enqueue("samples.effect", first_attempt_seconds=1)
    broker.publish([job_id] * 9)
    until(done(job_id))
    last = enqueue("samples.effect")
    until(done(last))
    assert len(list_effects(job_id)) == 1
    assert (get_entry(job_id)).attempts == 1


def test_job_runs_with_its_own_tenant(job_processes: JobProcesses) -> None:
    processes = set()
    for organization_id in [uuid7(), uuid7(), None, uuid7(), None]:
        context.bind(context.Context(request_id="test", organization_id=organization_id))
        job_id = enqueue("samples.effect")
        until(done(job_id))
        [(tenant, process)] = list_effects(job_id)
        assert tenant == (organization_id and str(organization_id))
        processes.add(process)
    context.bind(context.Context(request_id="-"))
    assert len(processes) < 5  # one process ran jobs of different tenants


def test_worker_and_scheduler_serve_metrics(job_processes: JobProcesses) -> None:
    until(done(enqueue("samples.effect")))
    with httpx2.Client() as client:
        worker, scheduler = [
            client.get(f"http://127.0.0.1:{port}/metrics").text
            for port in job_processes.ports.values()
        ]
    for name in ("job_succeeded_total", "job_queue_latency_seconds_count"):
        assert f'{name}{{job="samples.effect"}}' in worker
    assert "outbox_oldest_age_seconds" in scheduler


def test_flushing_redis_loses_no_job(job_processes: JobProcesses) -> None:
    job_ids = [enqueue("samples.effect", first_attempt_seconds=2) for _ in range(2)]
    job_ids += [enqueue("samples.effect") for _ in range(4)]
    until(started(job_ids[0]))
    redis.client.flushdb()
    for job_id in job_ids:
        until(done(job_id))
        assert len(list_effects(job_id)) == 1


def test_killing_the_worker_loses_no_job_and_repeats_no_effect(
    job_processes: JobProcesses,
) -> None:
    killed = [enqueue("samples.effect", first_attempt_seconds=60) for _ in range(2)]
    waiting = [enqueue("samples.effect") for _ in range(4)]
    for job_id in killed:
        until(started(job_id))
    job_processes.by_role["worker"].popen.kill()
    job_processes.by_role["worker"].popen.wait()
    job_processes.start()
    for job_id in killed + waiting:
        until(done(job_id))
        assert len(list_effects(job_id)) == 1
    assert [count_starts(job_id) for job_id in killed] == [2, 2]


def test_job_that_kills_its_worker_is_moved_to_dead_letters(
    job_processes: JobProcesses,
) -> None:
    job_id = enqueue("samples.kill_worker")

    def dead_lettered_at() -> datetime | None:
        job_processes.start()
        return (get_entry(job_id)).dead_lettered_at

    until(dead_lettered_at, 60)
    entry = get_entry(job_id)
    assert count_starts(job_id) == entry.attempts == 2
    assert entry.last_error == "the worker was killed during each attempt"


def test_sigterm_lets_a_running_job_finish(job_processes: JobProcesses) -> None:
    job_id = enqueue("samples.effect", first_attempt_seconds=2)
    until(started(job_id))
    assert job_processes.stopped("worker") == 0
    assert (get_entry(job_id)).done_at
    assert len(list_effects(job_id)) == 1


def test_sigterm_aborts_a_job_after_the_grace_period(job_processes: JobProcesses) -> None:
    job_id = enqueue("samples.effect", first_attempt_seconds=60)
    until(started(job_id))
    job_processes.stopped("worker")
    assert not list_effects(job_id)
    job_processes.start()
    until(done(job_id))
    assert len(list_effects(job_id)) == 1


def test_scheduler_exits_cleanly_and_leaves_no_file(job_processes: JobProcesses) -> None:
    until(schedule_has_run)
    assert job_processes.stopped("scheduler") == 0
    names = {path.name for path in job_processes.directory.iterdir() if "-" not in path.name}
    assert names == {"log", "worker.alive", "scheduler.alive"}


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path, "secret", throw_away=True)
    server.start()
    yield server
    server.stop()


def test_worker_and_scheduler_survive_a_restart_of_redis(
    processes: JobProcesses, valkey: Valkey
) -> None:
    processes.start(REDIS_URL=valkey.url())
    before = enqueue("samples.effect", first_attempt_seconds=6)
    until(started(before))
    valkey.stop()
    lost = enqueue("samples.effect")
    time.sleep(3)
    valkey.start(valkey.port)
    until(done(before))
    until(done(lost), 60)
    # A running job does not need Redis, so it is not started again.
    assert count_starts(before) == 1
    assert [process.popen.poll() for process in processes.by_role.values()] == [None, None]
    valkey.stop()
    time.sleep(2)
    assert [processes.stopped(role) for role in ("worker", "scheduler")] == [0, 0]
