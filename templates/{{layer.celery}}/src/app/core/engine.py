"""The job engine: Celery, as the bearer of hints that the outbox has a job (see `app.core.jobs`).

It is only known here, behind four functions: `send`, `worker`, `scheduler` and `alive`.
"""

import logging
import os
import signal
import ssl
import threading
from collections.abc import Sequence
from uuid import UUID

import celery
from celery import beat, signals

from app.core import bridge, jobs, liveness, log, registry, scheduling, telemetry
from app.core.liveness import is_alive as alive
from app.settings import settings

__all__ = ["alive", "scheduler", "send", "worker"]

logger = logging.getLogger(__name__)

_SEND_SECONDS = 1
_JOB_MARGIN_SECONDS = 30
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}

app = celery.Celery(
    "app",
    broker=settings.redis_url,
    # Celery's default for rediss:// is not to verify the certificate.
    broker_use_ssl={"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    if settings.redis_url.startswith("rediss://")
    else None,
    set_as_current=False,
    task_default_queue="jobs",
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    # A hint is used up when its job begins. To acknowledge it at the end adds nothing, since the
    # outbox outlives the worker, and Celery 5.7.0 ends when it has to do so while Redis is away.
    task_acks_late=False,
    # No worker keeps hints to itself that another one could act on.
    worker_disable_prefetch=True,
    worker_max_tasks_per_child=1000,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=1_000_000,  # for ever: None means 100 times, and 0 not at all
    broker_transport_options={
        "socket_connect_timeout": _SEND_SECONDS,
        "socket_timeout": _SEND_SECONDS,
        "socket_keepalive": True,
    },
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    beat_schedule={"tick": {"task": "tick", "schedule": settings.sweep_seconds}},
)


def _run(job_id: str) -> None:
    """Run a job, in a child process of the worker."""
    bridge.call(jobs.run_job, UUID(job_id))


def _tick() -> None:
    bridge.call(scheduling.tick)


# Imported now rather than while the first request waits for its jobs to be sent.
app.connection_for_write().get_transport_cls()
_run_task = app.task(name="run")(_run)
app.task(name="tick")(_tick)


def _send(job_ids: Sequence[UUID]) -> None:
    with app.producer_or_acquire() as producer:
        for job_id in job_ids:
            _run_task.apply_async((str(job_id),), producer=producer, retry=False)


# Sends a hint for each job; raises when that cannot be done in about a second.
send = bridge.sender(_send, _SEND_SECONDS)


def worker() -> None:
    """Run jobs until SIGTERM; then end those that run, within `WORKER_GRACE_SECONDS`."""
    declared = registry.every_job()
    limit = max(job.timeout for job in declared) + _JOB_MARGIN_SECONDS
    app.conf.update(
        # Where child processes are not forked they import the jobs again.
        include=sorted({job.function.__module__ for job in declared}),
        # For code that the time-out of its job cannot end.
        task_time_limit=limit,
        broker_transport_options={
            "visibility_timeout": 3 * limit,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 5,
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
    )
    telemetry.serve_metrics()
    running = app.Worker(
        concurrency=settings.worker_concurrency,
        loglevel=settings.log_level,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    )
    running.start()
    raise SystemExit(running.exitcode)


def scheduler() -> None:
    """Run `scheduling.tick` on time until SIGTERM. Any number of schedulers may run."""
    telemetry.serve_metrics()
    app.Beat(
        scheduler_cls=_InProcessScheduler,
        loglevel=settings.log_level,
        quiet=True,
        remote_control=False,
    ).run()
    bridge.close()


class _InProcessScheduler(beat.Scheduler):  # type: ignore[misc]  # Celery has no types
    """Beat that runs what is due itself: a sweep must not wait in the queue that it watches."""

    producer = None

    def apply_entry(self, entry: beat.ScheduleEntry, producer: None = None) -> None:
        # Beat ends by raising SystemExit wherever it is, which an event loop does not survive
        # in order: the signal has to wait for the end of the tick.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            self.app.tasks[entry.task]()
        except Exception:
            logger.exception("scheduler failed, to be tried again")
        finally:
            liveness.touch("scheduler")
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)


def _configure_logging(**_: object) -> None:
    """Take Celery's place in setting up the logs; it has a line for every hint."""
    log.configure()
    for name in ("celery.worker.strategy", "celery.app.trace", "celery.redirected"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _limit_shutdown(**_: object) -> None:
    """Make the warm shutdown a cold one when the grace is over: the outbox runs the rest again."""
    timer = threading.Timer(settings.worker_grace_seconds, os.kill, (os.getpid(), signal.SIGQUIT))
    timer.daemon = True
    timer.start()


def _touch_worker(**_: object) -> None:
    liveness.touch("worker")


signals.setup_logging.connect(_configure_logging, weak=False)
signals.worker_shutting_down.connect(_limit_shutdown, weak=False)
signals.worker_process_shutdown.connect(bridge.close, weak=False)
signals.worker_ready.connect(_touch_worker, weak=False)
signals.heartbeat_sent.connect(_touch_worker, weak=False)
