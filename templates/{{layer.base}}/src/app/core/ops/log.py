"""Logging: one line for each event on stdout, JSON or console, with context and without secrets.

Code logs with the standard library (`logging.getLogger(__name__)`, details in `extra`). The logs
of libraries go through the same formatter.
"""

import logging.config
import re
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.core import context
from app.settings import settings

REDACTED = "[redacted]"
# Key of a link that is logged with its token. `core.mail` uses it if `settings.is_local`.
DEVELOPMENT_LINK = "development_link"

# Keys whose values are redacted, at any depth of a log record or an error report.
_SECRET_NAMES = re.compile(
    r"passw|secret|token|authori[sz]ation|cookie|credential|dsn|api_?key|private_?key"
    r"|(^|_)(totp|recovery)_code|otpauth",
    re.IGNORECASE,
)
# Secrets inside text: bearer tokens, JWTs, API keys, passwords in URLs, tokens in query strings.
_SECRET_TEXT = re.compile(
    r"(?P<keep>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"
    r"|(?P<jwt>)\beyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|(?P<key>)\bsk_[\w-]{8,}"
    r"|(?P<url>://[^\s:/@]*:)[^\s/@]+(?=@)"
    r"|(?P<query>\b(?:token|code|password|secret|key)=)[^\s&\"']+",
    re.IGNORECASE,
)


def redact(value: Any) -> Any:
    """Return a copy of `value` with its secrets replaced by `[redacted]`."""
    if isinstance(value, str):
        return _SECRET_TEXT.sub(lambda found: (found[found.lastgroup or 0]) + REDACTED, value)
    if isinstance(value, Mapping):
        return {
            key: REDACTED if item is not None and _SECRET_NAMES.search(str(key)) else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redact(str(value))


def trace_id(traceparent: str | None) -> str | None:
    """Return the trace id of a `traceparent` header (W3C Trace Context)."""
    return traceparent.split("-")[1] if traceparent else None


def _add_context(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    current = context.current()
    found = {
        "request_id": None if current.request_id == "-" else current.request_id,
        "trace_id": trace_id(current.traceparent),
        "organization_id": current.organization_id,
    }
    if current.actor:
        # The label is left out: it holds an e-mail address.
        found[f"{current.actor.type}_id"] = current.actor.id
    for key, value in found.items():
        if value is not None:
            event.setdefault(key, str(value))
    return event


def _redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn repeats the message here
    private = {key: event.pop(key) for key in ("_record", "_from_structlog") if key in event}
    link = event.pop(DEVELOPMENT_LINK, None)
    redacted = {**redact(event), **private}
    if link:
        redacted["event"] += f" {link}"
    return redacted


def configure() -> None:
    """Send the logs of this process to stdout, through one formatter."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_context,
    ]
    renderer: list[Processor] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False)]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "one": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": [
                        structlog.stdlib.ExtraAdder(),
                        *shared,
                    ],
                    "processors": [
                        structlog.processors.format_exc_info,
                        _redact,
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *renderer,
                    ],
                }
            },
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": "one",
                }
            },
            "root": {"handlers": ["stdout"], "level": settings.log_level},
        }
    )
    logging.captureWarnings(True)
