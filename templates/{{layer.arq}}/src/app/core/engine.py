"""The job engine: ARQ, as the bearer of hints that the outbox has a job (see `app.core.jobs`).

It is only known here, behind four functions: `send`, `worker`, `scheduler` and `alive`.
"""

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

from app.core import jobs, liveness, redis, registry, scheduling, telemetry
from app.core.bridge import QUEUE, call, close, send, serialize
from app.core.liveness import Role
from app.core.liveness import is_alive as alive
from app.settings import settings

__all__ = ["alive", "scheduler", "send", "worker"]

logger = logging.getLogger(__name__)

_JOB_MARGIN_SECONDS = 30
_RETRY_SECONDS = 2


def _arq(pool: ConnectionPool) -> ArqRedis:
    return ArqRedis(
        pool, job_serializer=serialize, job_deserializer=json.loads, default_queue_name=QUEUE
    )


def worker() -> None:
    """Run jobs until SIGTERM; then end those that run, within `WORKER_GRACE_SECONDS`."""
    limit = max(job.timeout for job in registry.every_job()) + _JOB_MARGIN_SECONDS
    asyncio.run(
        _serve(
            "worker",
            functions=[func(_run, name="run", timeout=limit, keep_result=0)],
            max_jobs=settings.worker_concurrency,
            queue_name=QUEUE,
        )
    )


def scheduler() -> None:
    """Run `scheduling.tick` on time until SIGTERM. Any number of schedulers may run."""
    seconds = set(range(0, 60, settings.sweep_seconds))
    asyncio.run(
        _serve(
            "scheduler",
            cron_jobs=[cron(_tick, name="tick", second=seconds, run_at_startup=True, timeout=60)],
            max_jobs=1,
            # Its own: a sweep must not wait in the queue that it watches.
            queue_name="scheduler",
        )
    )


# ARQ's types want all three parameters.
async def _run(ctx: dict[Any, Any], *args: Any, **_: Any) -> None:
    await call(jobs.run_job, UUID(args[0]))


async def _tick(ctx: dict[Any, Any], *args: Any, **_: Any) -> None:
    await call(scheduling.tick)


async def _serve(role: Role, **options: Any) -> None:
    """Run ARQ workers until SIGTERM: one, and another when Redis was away, which ends the first."""
    logging.getLogger("arq.worker").setLevel(logging.WARNING)  # it has two lines for every hint
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
            # The outbox does this: ARQ would only try again what it has cancelled itself.
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
        # A job does not need Redis to end well, although ARQ fails to say goodbye to it then.
        for task in arq.tasks.values():
            running.add(task)
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
            task.add_done_callback(running.discard)
        polling.cancel()
        [result] = await asyncio.gather(polling, return_exceptions=True)
        if not stop.is_set():
            if not isinstance(result, (RedisError, OSError)):
                raise RuntimeError("ARQ ended") from result
            logger.warning("Redis is away, to be tried again", extra={"error": repr(result)})
            await asyncio.wait({stopping}, timeout=_RETRY_SECONDS)
    await _finish(running)
    heartbeat.cancel()
    await pool.aclose()
    await close()


async def _finish(running: set[asyncio.Task[Any]]) -> None:
    """Let the jobs end within the grace; the outbox runs the rest again."""
    if running:
        _, late = await asyncio.wait(running, timeout=settings.worker_grace_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _touch(role: Role) -> None:
    while True:
        liveness.touch(role)
        await asyncio.sleep(liveness.INTERVAL_SECONDS)
