"""Worker and scheduler processes on Celery."""

import logging
import os
import signal
import threading
import warnings
from uuid import UUID

from celery import beat, signals
from celery.exceptions import SecurityWarning

from app.core.jobs import async_runner, execution, registry, schedule
from app.core.jobs.celery_app import RUN_JOB, app
from app.core.ops import heartbeat, log, telemetry
from app.settings import settings

logger = logging.getLogger(__name__)

RUN_SCHEDULE = "run_schedule"
_JOB_MARGIN_SECONDS = 30
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


@app.task(name=RUN_JOB)  # type: ignore[untyped-decorator]  # Celery has no types
def _run_job(job_id: str) -> None:
    """Run a job, in a child process of the worker."""
    async_runner.call(execution.run_job, UUID(job_id))


@app.task(name=RUN_SCHEDULE)  # type: ignore[untyped-decorator]  # Celery has no types
def _run_schedule() -> None:
    async_runner.call(schedule.run_schedule)


def run_worker() -> None:
    """Run jobs until SIGTERM; then finish the running ones, within `WORKER_GRACE_SECONDS`."""
    declared = registry.every_job()
    limit = max(job.timeout for job in declared) + _JOB_MARGIN_SECONDS
    app.conf.update(
        # Where child processes are not forked they import the jobs again.
        include=sorted({job.function.__module__ for job in declared}),
        # Kills the child process of a job that neither its own time-out nor that of a statement
        # has ended; the outbox redelivers the job.
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
    if settings.environment == "development":
        # Celery warns of running as root, which is usual in a development container.
        warnings.simplefilter("ignore", SecurityWarning)
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


def run_scheduler() -> None:
    """Run the schedule periodically until SIGTERM. Any number of schedulers can run."""
    app.conf.beat_schedule = {
        RUN_SCHEDULE: {"task": RUN_SCHEDULE, "schedule": settings.scheduler_interval_seconds}
    }
    telemetry.serve_metrics()
    app.Beat(
        scheduler_cls=_InProcessScheduler,
        loglevel=settings.log_level,
        quiet=True,
        remote_control=False,
    ).run()
    async_runner.close()


class _InProcessScheduler(beat.Scheduler):  # type: ignore[misc]  # Celery has no types
    """Beat that runs tasks itself: redelivery must not wait in the queue that it watches."""

    producer = None

    def apply_entry(self, entry: beat.ScheduleEntry, producer: None = None) -> None:
        # Beat's signal handler raises SystemExit at the current instruction, which would break an
        # event loop: the signal is blocked until the round has ended.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            self.app.tasks[entry.task]()
        except Exception:
            logger.exception("schedule failed, will be retried at the next interval")
        finally:
            heartbeat.touch("scheduler")
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)


def _configure_logging(**_: object) -> None:
    """Configure logging instead of Celery, which logs a line for each message."""
    log.configure()
    for name in ("celery.worker.strategy", "celery.app.trace", "celery.redirected"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _limit_shutdown(**_: object) -> None:
    """Turn the warm shutdown into a cold one after the grace: the outbox redelivers the rest."""
    timer = threading.Timer(settings.worker_grace_seconds, os.kill, (os.getpid(), signal.SIGQUIT))
    timer.daemon = True
    timer.start()


def _touch_scheduler(**_: object) -> None:
    heartbeat.touch("scheduler")


def _touch_worker(**_: object) -> None:
    heartbeat.touch("worker")


signals.setup_logging.connect(_configure_logging, weak=False)
signals.worker_shutting_down.connect(_limit_shutdown, weak=False)
signals.worker_process_shutdown.connect(async_runner.close, weak=False)
signals.beat_init.connect(_touch_scheduler, weak=False)
signals.worker_ready.connect(_touch_worker, weak=False)
signals.heartbeat_sent.connect(_touch_worker, weak=False)
