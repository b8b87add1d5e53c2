"""Pure ASGI middleware: request context, access log, headers, CORS, errors, limits.

Not Starlette's BaseHTTPMiddleware, which copies context variables and buffers streams.
"""

import logging
import time

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
from app.core.web.http import deprecation_headers, problem_response, status_response
from app.settings import settings

logger = logging.getLogger("app.access")


class RequestContextMiddleware:
    """Outermost: binds the request context, adds common headers, writes the access log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        current = _context_of(scope)
        context.bind(current)
        started = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = current.request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.update(deprecation_headers(scope.get("route")))
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            request_context.log_request(
                scope["method"],
                scope["path"],
                _template(scope),
                status,
                time.perf_counter() - started,
            )


def _context_of(scope: Scope) -> context.Context:
    headers = Headers(scope=scope)
    return request_context.build_context(
        peer=scope["client"][0] if scope.get("client") else None,
        forwarded_for=headers.getlist("x-forwarded-for"),
        request_id=headers.get("x-request-id", ""),
        traceparent=headers.get("traceparent", ""),
        user_agent=headers.get("user-agent", ""),
    )


def _template(scope: Scope) -> str | None:
    """Return the path template of the route, with the prefixes of its routers."""
    app: FastAPI | None = scope.get("app")
    if app is None or "route" not in scope:
        return None
    if not hasattr(app.state, "route_templates"):
        app.state.route_templates = {
            id(item.original_route): item.path for item in iter_route_contexts(app.routes)
        }
    template: str | None = app.state.route_templates.get(id(scope["route"]))
    return template


class CorsMiddleware:
    """Allows CORS_ORIGINS, with credentials; other preflights get a problem document.

    Not Starlette's CORSMiddleware, which refuses preflights with plain text, also those that only
    ask for an unknown header.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_headers = Headers(scope=scope)
        cors = cors_headers(request_headers.get("origin"))

        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start" and settings.cors_origins:
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                headers.update(cors)
            await send(message)

        respond: ASGIApp = self.app
        if scope["method"] == "OPTIONS" and "access-control-request-method" in request_headers:
            respond = (
                Response(headers=PREFLIGHT_HEADERS)
                if cors
                else problem_response(Request(scope), origin_not_allowed())
            )
        await respond(scope, receive, send_with_cors)


class UnhandledErrorMiddleware:
    """Reports an error that no handler expects, and responds 500.

    Starlette's own is outside of all middleware: its response would have no common headers, and
    none of CORS.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        response_started = False

        async def tracking_send(message: Message) -> None:
            nonlocal response_started
            response_started = True
            await send(message)

        try:
            await self.app(scope, receive, tracking_send)
        except Exception as error:
            telemetry.report(error)
            logger.exception("unhandled error")
            if response_started:
                raise
            response = status_response(Request(scope), 500)
            await response(scope, receive, send)


class RateLimitMiddleware:
    """Limits requests by the client's address, before authentication.

    Adds the RateLimit headers, of this limit and of those counted in routes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in request_context.MONITORING_PATHS:
            await self.app(scope, receive, send)
            return
        address = network(context.current().client_ip)
        result = await ratelimit.hit("ip", settings.rate_limit_ip, address)
        results = [] if result is None else [result]
        scope.setdefault("state", {})["rate_limits"] = results

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ratelimit.headers(results))
            await send(message)

        if result is None or result.allowed:
            await self.app(scope, receive, send_with_limits)
        else:
            response = problem_response(Request(scope), result.error())
            await response(scope, receive, send_with_limits)


class BodyLimitMiddleware:
    """Rejects bodies above the limit with a problem document; Starlette's limit sends text."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > self.max_bytes:
            response = status_response(Request(scope), 413, self._detail)
            await response(scope, receive, send)
            return
        received = 0

        async def limited_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                # A chunked body has no declared length. An error handler makes the response.
                raise HTTPException(413, self._detail)
            return message

        await self.app(scope, limited_receive, send)

    @property
    def _detail(self) -> str:
        return f"The body may have at most {self.max_bytes} bytes."
