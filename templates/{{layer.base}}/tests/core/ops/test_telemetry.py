from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.transport import Transport

from app.core import context
from app.core.context import Context
from app.core.ops import telemetry
from app.core.ops.telemetry import observe_request, render_metrics
from app.settings import settings

SECRET_VALUE = "planted-5ecret-value"


def test_unknown_paths_and_methods_create_no_series() -> None:
    def series() -> int:
        return sum(
            line.startswith(b"http_requests_total") for line in render_metrics().split(b"\n")
        )

    observe_request("GET", None, 404, 0.01)
    observe_request("BREW", "/tea", 405, 0.01)
    before = series()
    for number in range(100):
        observe_request("GET", None, 404, 0.01)
        observe_request(f"BREW{number}", "/tea", 405, 0.01)
    assert series() == before


def test_every_metric_is_exported_before_its_first_event() -> None:
    text = render_metrics().decode()
    for name in (
        "http_requests_total",
        "http_request_duration_seconds",
        "job_started_total",
        "job_succeeded_total",
        "job_retried_total",
        "job_failed_total",
        "job_duration_seconds",
        "job_queue_latency_seconds",
        "outbox_oldest_age_seconds",
    ):
        assert f"# TYPE {name.removesuffix('_total')}" in text


class RecordingTransport(Transport):
    """Keeps the events instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.events.append(envelope.get_event())


@pytest.fixture
def sentry(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingTransport]:
    transport = RecordingTransport()
    start = sentry_sdk.init
    monkeypatch.setattr(sentry_sdk, "init", lambda **options: start(**options, transport=transport))
    monkeypatch.setitem(settings.__dict__, "sentry_dsn", "https://key@sentry.example.com/1")
    telemetry.configure()
    yield transport
    context.bind(Context(request_id="-"))
    sentry_sdk.get_global_scope().set_client(None)


def test_error_report_has_the_request_context_and_no_secret(sentry: RecordingTransport) -> None:
    context.bind(Context(request_id="request-1", traceparent=f"00-{'a' * 32}-{'b' * 16}-01"))
    password = SECRET_VALUE
    sentry_sdk.add_breadcrumb(message="sent", data={"token": password})
    sentry_sdk.set_context("request", {"headers": {"Authorization": f"Bearer {password}"}})
    try:
        raise RuntimeError(f"postgresql://app:{password}@db/app")
    except RuntimeError as error:
        telemetry.report(error)
    [event] = sentry.events
    assert event["tags"] == {"request_id": "request-1", "trace_id": "a" * 32}
    assert event["exception"]["values"][0]["type"] == "RuntimeError"
    assert SECRET_VALUE not in str(event)


def test_sentry_is_inactive_without_a_dsn() -> None:
    telemetry.configure()
    telemetry.report(RuntimeError("x"))
    assert not sentry_sdk.get_client().is_active()
