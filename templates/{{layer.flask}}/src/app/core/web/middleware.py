"""Runs before and after every view: context, limits, CORS, common headers, access log."""

import re
import time

from flask import Flask, Response, current_app, g, got_request_exception, request

from app.core import context
from app.core.ops import telemetry
from app.core.security import ratelimit
from app.core.security.client_ip import network
from app.core.web import request_context
from app.core.web.headers import (
    PREFLIGHT_HEADERS,
    SECURITY_HEADERS,
    cors_headers,
    origin_not_allowed,
)
from app.core.web.http import deprecation_headers, problem_response, refuse_large_body
from app.settings import settings

_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


def init_app(app: Flask) -> None:
    """Register the functions; Flask runs them in this order, and `_finish_response` last."""
    for function in (_bind_context, _handle_preflight, _limit_rate, _limit_body):
        app.before_request(function)
    app.after_request(_finish_response)
    got_request_exception.connect(_report_exception, app)


def _bind_context() -> None:
    g.started = time.perf_counter()
    g.rate_limits = []
    headers = request.headers
    context.bind(
        request_context.build_context(
            peer=request.remote_addr,
            forwarded_for=headers.getlist("X-Forwarded-For"),
            request_id=headers.get("X-Request-ID", ""),
            traceparent=headers.get("traceparent", ""),
            user_agent=headers.get("User-Agent", ""),
        )
    )


def _limit_rate() -> Response | None:
    """Limit requests by the client's address, before authentication."""
    if request.path in request_context.MONITORING_PATHS:
        return None
    result = ratelimit.hit("ip", settings.rate_limit_ip, network(context.current().client_ip))
    if result is None:
        return None
    g.rate_limits.append(result)
    return None if result.allowed else problem_response(result.error())


def _limit_body() -> None:
    """Refuse a body by its Content-Length; Flask refuses one without it while reading."""
    limit = request.max_content_length
    if limit is not None and (request.content_length or 0) > limit:
        refuse_large_body(limit)


def _handle_preflight() -> Response | None:
    """Respond to CORS preflights."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    if not cors_headers(request.headers.get("Origin")):
        return problem_response(origin_not_allowed())
    return current_app.response_class(headers=PREFLIGHT_HEADERS)


def _finish_response(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-ID"] = context.current().request_id
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers.update(ratelimit.headers(g.rate_limits))
    if request.endpoint:
        headers.update(deprecation_headers(current_app.view_functions[request.endpoint]))
    if settings.cors_origins:
        response.vary.add("Origin")
        headers.update(cors_headers(request.headers.get("Origin")))
    request_context.log_request(
        request.method,
        request.path,
        _CONVERTER.sub(r"{\1}", request.url_rule.rule) if request.url_rule else None,
        response.status_code,
        time.perf_counter() - g.started,
    )
    return response


def _report_exception(_: Flask, exception: BaseException, **__: object) -> None:
    telemetry.report(exception)
