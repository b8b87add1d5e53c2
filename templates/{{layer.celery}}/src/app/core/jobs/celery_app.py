"""The Celery application, and publishing with it."""

import ssl
from collections.abc import Sequence
from uuid import UUID

import celery

from app.settings import settings

RUN_JOB = "run_job"
# Publishing happens after the commit of a request, which waits for it at most this long.
PUBLISH_TIMEOUT_SECONDS = 1

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
    # A message is acknowledged when its job starts. Late acknowledgement adds nothing, since the
    # outbox redelivers, and makes Celery 5.7.0 exit when Redis is unreachable at that moment.
    task_acks_late=False,
    # A prefetched message would wait for its worker while another one is idle.
    worker_disable_prefetch=True,
    worker_max_tasks_per_child=1000,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=1_000_000,  # forever: None means 100 times, and 0 not at all
    broker_transport_options={
        "socket_connect_timeout": PUBLISH_TIMEOUT_SECONDS,
        "socket_timeout": PUBLISH_TIMEOUT_SECONDS,
        "socket_keepalive": True,
    },
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)

# Imported at start instead of during the first request that enqueues a job.
app.connection_for_write().get_transport_cls()


def publish(job_ids: Sequence[UUID]) -> None:
    """Publish a message for each job; raises when Redis does not take them in about a second."""
    with app.producer_or_acquire() as producer:
        for job_id in job_ids:
            app.send_task(RUN_JOB, (str(job_id),), producer=producer, retry=False)
