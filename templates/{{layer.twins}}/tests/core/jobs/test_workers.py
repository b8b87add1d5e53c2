"""Workers and schedulers as processes of their own, killed and cut off in the middle of jobs."""

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
from tests.core.jobs.samples import effects_of, enqueue, find, starts, ticked
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
    """A worker and a scheduler, with quick time-outs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.by_role: dict[str, ManagedProcess] = {}
        self.environment: dict[str, str] = {}
        self.ports = {"worker": free_port(), "scheduler": free_port()}

    def start(self, **environment: str) -> None:
        """Start what does not run, as a supervisor does."""
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


def done(job_id: UUID) -> Callable[[], datetime | None]:
    def check() -> datetime | None:
        return (find(job_id)).done_at

    return check


def begun(job_id: UUID) -> Callable[[], bool]:
    def check() -> bool:
        return starts(job_id) > 0

    return check


def test_a_job_is_done_and_the_processes_show_that_they_live(
    job_processes: JobProcesses,
) -> None:
    job_id = enqueue("samples.effect")
    until(done(job_id))
    assert len(effects_of(job_id)) == 1
    until(partial(lives, "worker"))
    until(partial(lives, "scheduler"))


def lives(role: heartbeat.Role) -> bool:
    return heartbeat.is_alive(role)


def test_duplicated_messages_have_one_effect(job_processes: JobProcesses) -> None:
    job_id = enqueue("samples.effect", first_takes=1)
    broker.publish([job_id] * 9)
    until(done(job_id))
    last = enqueue("samples.effect")
    until(done(last))
    assert len(effects_of(job_id)) == 1
    assert (find(job_id)).attempts == 1


def test_a_job_has_its_tenant_and_leaves_it(job_processes: JobProcesses) -> None:
    processes = set()
    for organization_id in [uuid7(), uuid7(), None, uuid7(), None]:
        context.bind(context.Context(request_id="test", organization_id=organization_id))
        job_id = enqueue("samples.effect")
        until(done(job_id))
        [(tenant, process)] = effects_of(job_id)
        assert tenant == (organization_id and str(organization_id))
        processes.add(process)
    context.bind(context.Context(request_id="-"))
    assert len(processes) < 5  # so that some process had different tenants


def test_worker_and_scheduler_have_metrics(job_processes: JobProcesses) -> None:
    until(done(enqueue("samples.effect")))
    with httpx2.Client() as client:
        worker, scheduler = [
            client.get(f"http://127.0.0.1:{port}/metrics").text
            for port in job_processes.ports.values()
        ]
    for name in ("job_succeeded_total", "job_queue_latency_seconds_count"):
        assert f'{name}{{job="samples.effect"}}' in worker
    assert "outbox_oldest_age_seconds" in scheduler


def test_an_emptied_redis_loses_nothing(job_processes: JobProcesses) -> None:
    job_ids = [enqueue("samples.effect", first_takes=2) for _ in range(2)]
    job_ids += [enqueue("samples.effect") for _ in range(4)]
    until(begun(job_ids[0]))
    redis.client.flushdb()
    for job_id in job_ids:
        until(done(job_id))
        assert len(effects_of(job_id)) == 1


def test_a_killed_worker_loses_nothing_and_repeats_no_effect(
    job_processes: JobProcesses,
) -> None:
    killed = [enqueue("samples.effect", first_takes=60) for _ in range(2)]
    waiting = [enqueue("samples.effect") for _ in range(4)]
    for job_id in killed:
        until(begun(job_id))
    job_processes.by_role["worker"].popen.kill()
    job_processes.by_role["worker"].popen.wait()
    job_processes.start()
    for job_id in killed + waiting:
        until(done(job_id))
        assert len(effects_of(job_id)) == 1
    assert [starts(job_id) for job_id in killed] == [2, 2]


def test_a_job_that_kills_its_worker_ends_dead(job_processes: JobProcesses) -> None:
    job_id = enqueue("samples.poison")

    def dead() -> datetime | None:
        job_processes.start()
        return (find(job_id)).dead_lettered_at

    until(dead, 60)
    entry = find(job_id)
    assert starts(job_id) == entry.attempts == 2
    assert entry.last_error == "the worker died whenever it ran this job"


def test_sigterm_lets_a_job_end(job_processes: JobProcesses) -> None:
    job_id = enqueue("samples.effect", first_takes=2)
    until(begun(job_id))
    assert job_processes.stopped("worker") == 0
    assert (find(job_id)).done_at
    assert len(effects_of(job_id)) == 1


def test_sigterm_does_not_wait_longer_than_the_grace(job_processes: JobProcesses) -> None:
    job_id = enqueue("samples.effect", first_takes=60)
    until(begun(job_id))
    job_processes.stopped("worker")
    assert not effects_of(job_id)
    job_processes.start()
    until(done(job_id))
    assert len(effects_of(job_id)) == 1


def test_a_scheduler_ends_in_order_and_leaves_no_file(job_processes: JobProcesses) -> None:
    until(ticked)
    assert job_processes.stopped("scheduler") == 0
    names = {path.name for path in job_processes.directory.iterdir() if "-" not in path.name}
    assert names == {"log", "worker.alive", "scheduler.alive"}


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path, "secret", throw_away=True)
    server.start()
    yield server
    server.stop()


def test_worker_and_scheduler_survive_the_loss_of_redis(
    processes: JobProcesses, valkey: Valkey
) -> None:
    processes.start(REDIS_URL=valkey.url())
    before = enqueue("samples.effect", first_takes=6)
    until(begun(before))
    valkey.stop()
    lost = enqueue("samples.effect")
    time.sleep(3)
    valkey.start(valkey.port)
    until(done(before))
    until(done(lost), 60)
    # It was not begun anew: a job that runs does not need Redis.
    assert starts(before) == 1
    assert [process.popen.poll() for process in processes.by_role.values()] == [None, None]
    valkey.stop()
    time.sleep(2)
    assert [processes.stopped(role) for role in ("worker", "scheduler")] == [0, 0]
