"""Worker and scheduler processes on ARQ."""

import asyncio
import json
import logging
import signal
from typing import Any
from uuid import UUID

from arq import ArqRedis, cron, func
from arq.worker import Worker
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from app.core import redis
from app.core.jobs import execution, registry, schedule
from app.core.jobs.async_runner import call, close
from app.core.jobs.broker import QUEUE, RUN_JOB, serialize
from app.core.ops import heartbeat, telemetry
from app.core.ops.heartbeat import Role
from app.settings import settings

logger = logging.getLogger(__name__)

_JOB_MARGIN_SECONDS = 30
_RETRY_SECONDS = 2


def _arq(pool: ConnectionPool) -> ArqRedis:
    return ArqRedis(
        pool, job_serializer=serialize, job_deserializer=json.loads, default_queue_name=QUEUE
    )


def run_worker() -> None:
    """Run jobs until SIGTERM; then finish the running ones, within `WORKER_GRACE_SECONDS`."""
    limit = max(job.timeout for job in registry.every_job()) + _JOB_MARGIN_SECONDS
    asyncio.run(
        _serve(
            "worker",
            functions=[func(_run_job, name=RUN_JOB, timeout=limit, keep_result=0)],
            max_jobs=settings.worker_concurrency,
            queue_name=QUEUE,
        )
    )


def run_scheduler() -> None:
    """Run the schedule periodically until SIGTERM. Any number of schedulers can run."""
    seconds = set(range(0, 60, settings.scheduler_interval_seconds))
    asyncio.run(
        _serve(
            "scheduler",
            cron_jobs=[cron(_run_schedule, second=seconds, run_at_startup=True, timeout=60)],
            max_jobs=1,
            # A queue of its own: redelivery must not wait in the queue that it watches.
            queue_name="scheduler",
        )
    )


# ARQ's types require all three parameters.
async def _run_job(ctx: dict[Any, Any], *args: Any, **_: Any) -> None:
    await call(execution.run_job, UUID(args[0]))


async def _run_schedule(ctx: dict[Any, Any], *args: Any, **_: Any) -> None:
    await call(schedule.run_schedule)


async def _serve(role: Role, **options: Any) -> None:
    """Run an ARQ worker until SIGTERM, and a new one after each loss of Redis, which ends it."""
    logging.getLogger("arq.worker").setLevel(logging.WARNING)  # it logs two lines for each message
    telemetry.serve_metrics()
    heartbeat = asyncio.create_task(_touch(role))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    pool = ConnectionPool.from_url(
        settings.redis_url,
        socket_connect_timeout=5,
        socket_keepalive=True,
        health_check_interval=25,
        **redis.TLS,
    )
    running: set[asyncio.Task[Any]] = set()
    while not stop.is_set():
        arq = Worker(
            redis_pool=_arq(pool),
            poll_delay=0.1,
            # The outbox retries: ARQ only retries jobs that it has cancelled itself.
            retry_jobs=False,
            max_tries=1,
            log_results=False,
            job_serializer=serialize,
            job_deserializer=json.loads,
            handle_signals=False,
            **options,
        )
        polling = asyncio.create_task(arq.main())
        await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        # A running job can finish without Redis, although ARQ then fails to record its end.
        for task in arq.tasks.values():
            running.add(task)
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
            task.add_done_callback(running.discard)
        polling.cancel()
        [result] = await asyncio.gather(polling, return_exceptions=True)
        if not stop.is_set():
            if not isinstance(result, (RedisError, OSError)):
                raise RuntimeError("ARQ ended unexpectedly") from result
            logger.warning("Redis is unreachable, will be retried", extra={"error": repr(result)})
            await asyncio.wait({stopping}, timeout=_RETRY_SECONDS)
    await _finish(running)
    heartbeat.cancel()
    await pool.aclose()
    await close()


async def _finish(running: set[asyncio.Task[Any]]) -> None:
    """Wait for running jobs within the grace; the outbox redelivers the cancelled rest."""
    if running:
        _, late = await asyncio.wait(running, timeout=settings.worker_grace_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _touch(role: Role) -> None:
    while True:
        heartbeat.touch(role)
        await asyncio.sleep(heartbeat.INTERVAL_SECONDS)
