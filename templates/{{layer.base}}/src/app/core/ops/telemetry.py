"""Metrics for Prometheus and error reports to Sentry.

Labels have few values: a route is its template and never a path, or the number of time series
would grow with what strangers ask for.
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
    # The metrics below open their files at once.
    settings.prometheus_multiproc_dir.mkdir(parents=True, exist_ok=True)

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

http_requests = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
http_duration = Histogram(
    "http_request_duration_seconds", "Time to answer", ["method", "route"], buckets=_SECONDS
)
job_started = Counter("job_started_total", "Attempts begun", ["job"])
job_succeeded = Counter("job_succeeded_total", "Jobs done", ["job"])
job_retried = Counter("job_retried_total", "Attempts that failed, to be tried again", ["job"])
job_failed = Counter("job_failed_total", "Jobs given up after the last attempt", ["job"])
job_duration = Histogram("job_duration_seconds", "Time an attempt took", ["job"], buckets=_SECONDS)
job_queue_latency = Histogram(
    "job_queue_latency_seconds", "From due to begun, first attempts", ["job"], buckets=_SECONDS
)
outbox_oldest_age = Gauge(
    "outbox_oldest_age_seconds",
    "Age of the oldest job that is due and not done",
    multiprocess_mode="mostrecent",
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count one answered request; `route` is None when no route fits."""
    route = route or UNMATCHED
    method = method if method in _METHODS else "OTHER"
    http_requests.labels(method, route, str(status)).inc()
    http_duration.labels(method, route).observe(seconds)


def _registry() -> CollectorRegistry:
    """Give this process's metrics, or with `PROMETHEUS_MULTIPROC_DIR` those of all its siblings."""
    if settings.prometheus_multiproc_dir is None:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
    return registry


def render_metrics() -> bytes:
    """Write the metrics in Prometheus' text format."""
    return generate_latest(_registry())


def serve_metrics() -> None:
    """Serve the metrics of a process that has no web server of its own, on `METRICS_PORT`."""
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, registry=_registry())


def configure() -> None:
    """Start error reports; without `SENTRY_DSN` there are none."""
    if settings.sentry_dsn is None:
        return
    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        environment=settings.environment,
        release=settings.release,
        # Personal data are left out by default, and `_scrub` takes secrets out of the rest.
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_scrub,
        before_breadcrumb=lambda crumb, hint: redact(crumb),
    )


def report(error: BaseException) -> None:
    """Send an unexpected error to Sentry, with the context it happened in."""
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
