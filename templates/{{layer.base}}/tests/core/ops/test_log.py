import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app.core import context
from app.core.context import Actor, Context
from app.core.ids import uuid7
from app.core.ops import log
from app.core.ops.log import REDACTED, redact
from app.settings import settings

PLANTED = "planted-5ecret-value"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


class Output:
    """What this process writes, once `configure` is called as its start would."""

    def __init__(self, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        self._patch = patch

    def configure(self, log_format: str = "json") -> None:
        self._patch.setitem(settings.__dict__, "log_format", log_format)
        self._patch.setitem(settings.__dict__, "log_level", "INFO")
        log.configure()

    def text(self) -> str:
        return self._capture.readouterr().out

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().split("\n") if line]


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Output]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Output(capsys, monkeypatch)
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()
    context.bind(Context(request_id="-"))


def test_a_line_says_who_asked_for_what(output: Output) -> None:
    output.configure()
    organization_id, user_id = uuid7(), uuid7()
    context.bind(
        Context(
            request_id="request-1",
            traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
            organization_id=organization_id,
            actor=Actor("user", user_id, "ann@example.com"),
        )
    )
    logging.getLogger("app.projects").info("project %s", "created", extra={"count": 2})
    [line] = output.lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "project created",
        "level": "info",
        "logger": "app.projects",
        "count": 2,
        "request_id": "request-1",
        "trace_id": "a" * 32,
        "organization_id": str(organization_id),
        "user_id": str(user_id),
    }


def test_a_job_is_named_in_all_its_lines(output: Output) -> None:
    output.configure()
    with structlog.contextvars.bound_contextvars(job="exports.run", job_id="1"):
        logging.getLogger("some.library").warning("slow")
    logging.getLogger("some.library").debug("not shown")
    logging.getLogger("some.library").warning("later")
    first, second = output.lines()
    assert (first["job"], first["job_id"]) == ("exports.run", "1")
    assert "job" not in second


def test_one_event_is_one_line_whatever_is_in_it(output: Output) -> None:
    output.configure()
    logging.getLogger("app").info("a\nb\r\n%s", "\x1b[31mc\u2028")
    try:
        raise ValueError("line one\nline two")
    except ValueError:
        logging.getLogger("app").exception("failed")
    first, second = output.lines()
    assert first["event"].startswith("a\nb")
    assert "line two" in second["exception"]


def test_no_secret_is_written(output: Output) -> None:
    output.configure()
    logger = logging.getLogger("app")
    logger.info(
        "sign-in",
        extra={
            "password": PLANTED,
            "headers": {"Authorization": f"Bearer {PLANTED}", "Cookie": f"session={PLANTED}"},
            "body": [{"refresh_token": PLANTED, "totp_code": PLANTED}],
        },
    )
    logger.info("Authorization: Bearer %s", PLANTED)
    logger.info("GET /verify-email?token=%s&x=1", PLANTED)
    logger.info("postgresql://app:%s@db/app", PLANTED)
    try:
        raise RuntimeError(f"key sk_{PLANTED} and {JWT} refused")
    except RuntimeError:
        logger.exception("failed")
    written = output.text()
    assert PLANTED not in written
    assert JWT not in written
    assert written.count(REDACTED) >= 8


def test_people_can_read_the_other_format(output: Output) -> None:
    output.configure("console")
    try:
        raise ValueError("what went wrong")
    except ValueError:
        logging.getLogger("app").exception("failed")
    written = output.text()
    assert "failed" in written
    assert "ValueError: what went wrong" in written


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"name": "Ann", "n": 1, "ok": True, "none": None},
            {"name": "Ann", "n": 1, "ok": True, "none": None},
        ),
        ({"api_key": "x", "password": None}, {"api_key": REDACTED, "password": None}),
        (("a", {"secret_key": "b"}), ["a", {"secret_key": REDACTED}]),
        ("redis://:pass@host/0", f"redis://:{REDACTED}@host/0"),
        ("https://example.com/a:b@c", "https://example.com/a:b@c"),
        ("the token bucket is a basic thing", "the token bucket is a basic thing"),
    ],
)
def test_redact(value: Any, expected: Any) -> None:
    assert redact(value) == expected
