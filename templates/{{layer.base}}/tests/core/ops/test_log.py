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

SECRET_VALUE = "planted-5ecret-value"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


class Output:
    """The log output of this process; `configure` sets up logging as at its start."""

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


def test_line_contains_the_request_context(output: Output) -> None:
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


def test_lines_of_a_job_contain_its_name_and_id(output: Output) -> None:
    output.configure()
    with structlog.contextvars.bound_contextvars(job="core.purge", job_id="1"):
        logging.getLogger("some.library").warning("slow")
    logging.getLogger("some.library").debug("not shown")
    logging.getLogger("some.library").warning("later")
    first, second = output.lines()
    assert (first["job"], first["job_id"]) == ("core.purge", "1")
    assert "job" not in second


def test_event_with_control_characters_is_one_line(output: Output) -> None:
    output.configure()
    logging.getLogger("app").info("a\nb\r\n%s", "\x1b[31mc\u2028")
    try:
        raise ValueError("line one\nline two")
    except ValueError:
        logging.getLogger("app").exception("failed")
    first, second = output.lines()
    assert first["event"].startswith("a\nb")
    assert "line two" in second["exception"]


def test_secrets_are_redacted(output: Output) -> None:
    output.configure()
    logger = logging.getLogger("app")
    logger.info(
        "sign-in",
        extra={
            "password": SECRET_VALUE,
            "headers": {
                "Authorization": f"Bearer {SECRET_VALUE}",
                "Cookie": f"session={SECRET_VALUE}",
            },
            "body": [{"refresh_token": SECRET_VALUE, "totp_code": SECRET_VALUE}],
        },
    )
    logger.info("Authorization: Bearer %s", SECRET_VALUE)
    logger.info("GET /verify-email?token=%s&x=1", SECRET_VALUE)
    logger.info("postgresql://app:%s@db/app", SECRET_VALUE)
    try:
        raise RuntimeError(f"key sk_{SECRET_VALUE} and {JWT} refused")
    except RuntimeError:
        logger.exception("failed")
    written = output.text()
    assert SECRET_VALUE not in written
    assert JWT not in written
    assert written.count(REDACTED) >= 8


def test_console_format_shows_the_exception(output: Output) -> None:
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


def test_only_the_development_link_keeps_its_token(output: Output) -> None:
    output.configure()
    link = f"https://app.example.com/verify-email?token={SECRET_VALUE}"
    logging.getLogger("app").info("mail", extra={log.DEVELOPMENT_LINK: link})
    assert link in output.text()


def test_other_links_are_logged_without_their_tokens(output: Output) -> None:
    output.configure()
    extra = {"link": f"https://app.example.com/page?token={SECRET_VALUE}"}
    logging.getLogger("app").info("page", extra=extra)
    written = output.text()
    assert "https://app.example.com/page" in written
    assert SECRET_VALUE not in written
