"""Middleware: request context, CORS, rate and body limits, common headers, access log."""

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from app.core import context
from app.core.ops import telemetry
from app.core.security import ratelimit
from app.core.security.client_ip import network
from app.core.web import problems, request_context
from app.core.web.headers import (
    PREFLIGHT_HEADERS,
    SECURITY_HEADERS,
    cors_headers,
    origin_not_allowed,
)
from app.core.web.http import error_response, problem_response, status_response
from app.settings import settings

type GetResponse = Callable[[HttpRequest], HttpResponseBase]

_PUBLIC = urlsplit(settings.public_url)
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
# HTML pages with their static files: they have other errors and headers than the API.
BROWSER_PATHS = (f"/{settings.admin_path}/", "/static/")


def is_browser_path(request: HttpRequest) -> bool:
    return request.path.startswith(BROWSER_PATHS)


class RequestContextMiddleware:
    """Outermost: binds the request context, adds common headers, writes the access log."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        # TLS ends at the proxy: PUBLIC_URL has the scheme that clients use.
        request.META["wsgi.url_scheme"] = _PUBLIC.scheme
        if request.path in request_context.MONITORING_PATHS:
            # Probes use the IP address of the process, which is not in ALLOWED_HOSTS.
            request.META["HTTP_HOST"] = _PUBLIC.netloc
        headers = request.headers
        context.bind(
            request_context.build_context(
                peer=request.META.get("REMOTE_ADDR") or None,
                forwarded_for=[headers.get("X-Forwarded-For", "")],
                request_id=headers.get("X-Request-ID", ""),
                traceparent=headers.get("traceparent", ""),
                user_agent=headers.get("User-Agent", ""),
            )
        )
        response = self.get_response(request)
        if not is_browser_path(request):
            response = _with_headers(_as_problem(request, response))
        response.headers["X-Request-ID"] = context.current().request_id
        for name, value in getattr(request, "deprecation", {}).items():
            response.headers[name] = value
        request_context.log_request(
            request.method or "",
            request.path,
            _template(request),
            response.status_code,
            time.perf_counter() - started,
        )
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        # Of unexpected errors Django makes the response: see `handler500` in `app.config.urls`.
        response = None if is_browser_path(request) else error_response(request, error)
        if response is None:
            telemetry.report(error)
        return response


class ApiHeadersMiddleware:
    """Innermost: sets the API's security headers before Django's middleware sets those of pages."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        return response if is_browser_path(request) else _with_headers(response)


def _with_headers(response: HttpResponseBase) -> HttpResponseBase:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace an error response of Django or Ninja by a problem document (RFC 9457)."""
    if response.status_code < 400 or response.headers.get("Content-Type") in {
        problems.MEDIA_TYPE,
        "application/json",
    }:
        return response
    kept = {name: response.headers[name] for name in ("Allow",) if name in response.headers}
    return status_response(request, response.status_code, **kept)


def _template(request: HttpRequest) -> str | None:
    """Return the path template of the route, such as `/api/v1/organizations/{organization_id}`."""
    if request.resolver_match is None:
        return None
    return _CONVERTER.sub(r"{\1}", f"/{request.resolver_match.route}")


class CorsMiddleware:
    """Allows the origins of CORS_ORIGINS, with credentials."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        headers = cors_headers(request.headers.get("Origin"))
        response: HttpResponseBase
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            response = self.get_response(request)
        elif headers:
            response = HttpResponse(headers=PREFLIGHT_HEADERS)
        else:
            response = problem_response(request, origin_not_allowed())
        if settings.cors_origins:
            patch_vary_headers(response, ("Origin",))
        for name, value in headers.items():
            response.headers[name] = value
        return response


class RateLimitMiddleware:
    """Limits requests by the client's IP address; adds the headers of all limits that applied."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path in request_context.MONITORING_PATHS:
            return self.get_response(request)
        address = network(context.current().client_ip)
        result = ratelimit.hit("ip", settings.rate_limit_ip, address)
        limits: list[ratelimit.RateLimitResult] = [] if result is None else [result]
        request.rate_limits = limits  # type: ignore[attr-defined]  # our attribute
        if result is not None and not result.allowed:
            response: HttpResponseBase = problem_response(request, result.error())
        else:
            response = self.get_response(request)
        for name, value in ratelimit.headers(limits).items():
            response.headers[name] = value
        return response


class BodyLimitMiddleware:
    """Refuses (413) bodies above MAX_BODY_BYTES before they are read."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.max_body_bytes:
            detail = f"The body may have at most {settings.max_body_bytes} bytes."
            return status_response(request, 413, detail)
        return self.get_response(request)
