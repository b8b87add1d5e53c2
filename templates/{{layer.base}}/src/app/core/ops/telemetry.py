"""Metrics for Prometheus, and error reports to Sentry.

The `route` label is the route's template, not the path: any client could create time series
without limit by requesting new paths.
"""

from typing import Any

import sentry_sdk
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sentry_sdk.types import Event, Hint

from app.core import context
from app.core.ops.log import redact, trace_id
from app.settings import settings

UNMATCHED = "__unmatched__"
CONTENT_TYPE = CONTENT_TYPE_LATEST

if settings.prometheus_multiproc_dir is not None:
    # The metrics below open files in it when they are declared.
    settings.prometheus_multiproc_dir.mkdir(parents=True, exist_ok=True)

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

http_requests = Counter("http_requests_total", "Requests served", ["method", "route", "status"])
http_duration = Histogram(
    "http_request_duration_seconds", "Time to the response", ["method", "route"], buckets=_SECONDS
)
job_started = Counter("job_started_total", "Attempts started", ["job"])
job_succeeded = Counter("job_succeeded_total", "Jobs that succeeded", ["job"])
job_retried = Counter("job_retried_total", "Failed attempts that will be retried", ["job"])
job_failed = Counter("job_failed_total", "Jobs moved to the dead letters", ["job"])
job_duration = Histogram(
    "job_duration_seconds", "Duration of an attempt", ["job"], buckets=_SECONDS
)
job_queue_latency = Histogram(
    "job_queue_latency_seconds",
    "Time from due to the start of the first attempt",
    ["job"],
    buckets=_SECONDS,
)
outbox_oldest_age = Gauge(
    "outbox_oldest_age_seconds",
    "Age of the oldest job that is due and not done",
    multiprocess_mode="mostrecent",
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Record the metrics of one request; `route` is None when no route matched."""
    route = route or UNMATCHED
    method = method if method in _METHODS else "OTHER"
    http_requests.labels(method, route, str(status)).inc()
    http_duration.labels(method, route).observe(seconds)


def _registry() -> CollectorRegistry:
    """Return the metrics of this process, or of all in `PROMETHEUS_MULTIPROC_DIR` if it is set."""
    if settings.prometheus_multiproc_dir is None:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client has no type for it
    return registry


def render_metrics() -> bytes:
    """Return the metrics in the text format of Prometheus."""
    return generate_latest(_registry())


def serve_metrics() -> None:
    """Serve metrics on `METRICS_PORT`, if it is set: for processes without a web server."""
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, registry=_registry())


def configure() -> None:
    """Configure Sentry, if `SENTRY_DSN` is set."""
    if settings.sentry_dsn is None:
        return
    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        environment=settings.environment,
        release=settings.release,
        # Sentry leaves out personal data by default; `_scrub` redacts secrets in the rest.
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_scrub,
        before_breadcrumb=lambda crumb, _: redact(crumb),
    )


def report(error: BaseException) -> None:
    """Send an unexpected error to Sentry, if `SENTRY_DSN` is set."""
    if settings.sentry_dsn is not None:
        sentry_sdk.capture_exception(error)


def _scrub(event: Event, hint: Hint) -> Event:
    current = context.current()
    tags: dict[str, Any] = {
        "request_id": current.request_id,
        "trace_id": trace_id(current.traceparent),
        "organization_id": current.organization_id and str(current.organization_id),
    }
    scrubbed: Event = redact(event)
    scrubbed["tags"] = {**(scrubbed.get("tags") or {}), **{k: v for k, v in tags.items() if v}}
    return scrubbed
