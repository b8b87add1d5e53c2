"""Worker and scheduler processes: killed, stopped and cut off from Redis while jobs run."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
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

    async def stopped(self, role: str) -> int:
        """Send SIGTERM, and wait for the exit status."""
        process = self.by_role[role]
        process.send_stop_signal()
        return await asyncio.to_thread(process.popen.wait, 20)

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


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, (
            f"expected the condition within {seconds} s: see the log file"
        )
        await asyncio.sleep(0.1)


async def list_effects(job_id: UUID) -> list[tuple[str | None, int]]:
    """List the rows that a job inserted: organization and process id."""
    rows = await execute(
        "SELECT organization_id, process FROM effects WHERE job_id = %(id)s", id=job_id
    )
    return [(row["organization_id"], row["process"]) for row in rows]


async def schedule_has_run() -> bool:
    """Return whether a scheduler has enqueued `core.purge`."""
    return await execute("SELECT id FROM outbox WHERE job = 'core.purge'") != []


def done(job_id: UUID) -> Callable[[], Awaitable[datetime | None]]:
    async def check() -> datetime | None:
        return (await get_entry(job_id)).done_at

    return check


def started(job_id: UUID) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return count_starts(job_id) > 0

    return check


async def test_job_runs_and_heartbeats_are_fresh(
    job_processes: JobProcesses,
) -> None:
    job_id = await enqueue("samples.effect")
    await until(done(job_id))
    assert len(await list_effects(job_id)) == 1
    await until(partial(is_alive, "worker"))
    await until(partial(is_alive, "scheduler"))


async def is_alive(role: heartbeat.Role) -> bool:
    return heartbeat.is_alive(role)


async def test_duplicate_messages_run_a_job_once(job_processes: JobProcesses) -> None:
    job_id = await enqueue("samples.effect", first_attempt_seconds=1)
    await broker.publish([job_id] * 9)
    await until(done(job_id))
    last = await enqueue("samples.effect")
    await until(done(last))
    assert len(await list_effects(job_id)) == 1
    assert (await get_entry(job_id)).attempts == 1


async def test_job_runs_with_its_own_tenant(job_processes: JobProcesses) -> None:
    processes = set()
    for organization_id in [uuid7(), uuid7(), None, uuid7(), None]:
        context.bind(context.Context(request_id="test", organization_id=organization_id))
        job_id = await enqueue("samples.effect")
        await until(done(job_id))
        [(tenant, process)] = await list_effects(job_id)
        assert tenant == (organization_id and str(organization_id))
        processes.add(process)
    context.bind(context.Context(request_id="-"))
    assert len(processes) < 5  # one process ran jobs of different tenants


async def test_worker_and_scheduler_serve_metrics(job_processes: JobProcesses) -> None:
    await until(done(await enqueue("samples.effect")))
    async with httpx2.AsyncClient() as client:
        worker, scheduler = [
            (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            for port in job_processes.ports.values()
        ]
    for name in ("job_succeeded_total", "job_queue_latency_seconds_count"):
        assert f'{name}{{job="samples.effect"}}' in worker
    assert "outbox_oldest_age_seconds" in scheduler


async def test_flushing_redis_loses_no_job(job_processes: JobProcesses) -> None:
    job_ids = [await enqueue("samples.effect", first_attempt_seconds=2) for _ in range(2)]
    job_ids += [await enqueue("samples.effect") for _ in range(4)]
    await until(started(job_ids[0]))
    await redis.client.flushdb()
    for job_id in job_ids:
        await until(done(job_id))
        assert len(await list_effects(job_id)) == 1


async def test_killing_the_worker_loses_no_job_and_repeats_no_effect(
    job_processes: JobProcesses,
) -> None:
    killed = [await enqueue("samples.effect", first_attempt_seconds=60) for _ in range(2)]
    waiting = [await enqueue("samples.effect") for _ in range(4)]
    for job_id in killed:
        await until(started(job_id))
    job_processes.by_role["worker"].popen.kill()
    job_processes.by_role["worker"].popen.wait()
    job_processes.start()
    for job_id in killed + waiting:
        await until(done(job_id))
        assert len(await list_effects(job_id)) == 1
    assert [count_starts(job_id) for job_id in killed] == [2, 2]


async def test_job_that_kills_its_worker_is_moved_to_dead_letters(
    job_processes: JobProcesses,
) -> None:
    job_id = await enqueue("samples.kill_worker")

    async def dead_lettered_at() -> datetime | None:
        job_processes.start()
        return (await get_entry(job_id)).dead_lettered_at

    await until(dead_lettered_at, 60)
    entry = await get_entry(job_id)
    assert count_starts(job_id) == entry.attempts == 2
    assert entry.last_error == "the worker was killed during each attempt"


async def test_sigterm_lets_a_running_job_finish(job_processes: JobProcesses) -> None:
    job_id = await enqueue("samples.effect", first_attempt_seconds=2)
    await until(started(job_id))
    assert await job_processes.stopped("worker") == 0
    assert (await get_entry(job_id)).done_at
    assert len(await list_effects(job_id)) == 1


async def test_sigterm_aborts_a_job_after_the_grace_period(job_processes: JobProcesses) -> None:
    job_id = await enqueue("samples.effect", first_attempt_seconds=60)
    await until(started(job_id))
    await job_processes.stopped("worker")
    assert not await list_effects(job_id)
    job_processes.start()
    await until(done(job_id))
    assert len(await list_effects(job_id)) == 1


async def test_scheduler_exits_cleanly_and_leaves_no_file(job_processes: JobProcesses) -> None:
    await until(schedule_has_run)
    assert await job_processes.stopped("scheduler") == 0
    names = {path.name for path in job_processes.directory.iterdir() if "-" not in path.name}
    assert names == {"log", "worker.alive", "scheduler.alive"}


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path, "secret", throw_away=True)
    server.start()
    yield server
    server.stop()


async def test_worker_and_scheduler_survive_a_restart_of_redis(
    processes: JobProcesses, valkey: Valkey
) -> None:
    processes.start(REDIS_URL=valkey.url())
    before = await enqueue("samples.effect", first_attempt_seconds=6)
    await until(started(before))
    valkey.stop()
    lost = await enqueue("samples.effect")
    await asyncio.sleep(3)
    valkey.start(valkey.port)
    await until(done(before))
    await until(done(lost), 60)
    # A running job does not need Redis, so it is not started again.
    assert count_starts(before) == 1
    assert [process.popen.poll() for process in processes.by_role.values()] == [None, None]
    valkey.stop()
    await asyncio.sleep(2)
    assert [await processes.stopped(role) for role in ("worker", "scheduler")] == [0, 0]
