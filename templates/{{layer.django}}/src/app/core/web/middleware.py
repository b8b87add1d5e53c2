"""What happens before and after every view: context, limits, common headers, access log."""

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
    CORS_METHODS,
    CORS_REQUEST_HEADERS,
    CORS_RESPONSE_HEADERS,
    SECURITY_HEADERS,
)
from app.core.web.http import error_response, problem_response, status_response
from app.settings import settings

type GetResponse = Callable[[HttpRequest], HttpResponseBase]

_PUBLIC = urlsplit(settings.public_url)
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
# Pages for people, which have their own errors and headers.
PAGES = (f"/{settings.admin_path}/", "/static/")


def is_page(request: HttpRequest) -> bool:
    """Tell whether a browser shows the answer to a person."""
    return request.path.startswith(PAGES)


class ExchangeMiddleware:
    """Outermost: gives every request its context, and every answer its common headers."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request."""
        started = time.perf_counter()
        # TLS ends at the proxy: how clients come here is what PUBLIC_URL says.
        request.META["wsgi.url_scheme"] = _PUBLIC.scheme
        if request.path in request_context.UNLOGGED:
            # Probes come by the address of the process, whatever its name is.
            request.META["HTTP_HOST"] = _PUBLIC.netloc
        headers = request.headers
        context.bind(
            request_context.open_context(
                peer=request.META.get("REMOTE_ADDR") or None,
                forwarded_for=[headers.get("X-Forwarded-For", "")],
                request_id=headers.get("X-Request-ID", ""),
                traceparent=headers.get("traceparent", ""),
                user_agent=headers.get("User-Agent", ""),
            )
        )
        response = self.get_response(request)
        if not is_page(request):
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
        """Answer what a view raised; Django answers, and we report, what nobody expected."""
        response = None if is_page(request) else error_response(request, error)
        if response is None:
            telemetry.report(error)
        return response


class ApiHeadersMiddleware:
    """Innermost: the headers of what is not a page come before those that Django adds for pages."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request."""
        response = self.get_response(request)
        return response if is_page(request) else _with_headers(response)


def _with_headers(response: HttpResponseBase) -> HttpResponseBase:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Make a problem document of an error that Django or Ninja answered in its own words."""
    if response.status_code < 400 or response.headers.get("Content-Type") in {
        problems.MEDIA_TYPE,
        "application/json",
    }:
        return response
    kept = {name: response.headers[name] for name in ("Allow",) if name in response.headers}
    return status_response(request, response.status_code, **kept)


def _template(request: HttpRequest) -> str | None:
    """Name the route as it is declared."""
    if request.resolver_match is None:
        return None
    return _CONVERTER.sub(r"{\1}", f"/{request.resolver_match.route}")


class CorsMiddleware:
    """Tells browsers which other origins may read an answer: those of CORS_ORIGINS."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request."""
        if not settings.cors_origins:
            return self.get_response(request)
        origin = request.headers.get("Origin")
        allowed = origin in settings.cors_origins
        wanted = request.headers.get("Access-Control-Request-Method")
        response: HttpResponseBase
        if request.method == "OPTIONS" and wanted and allowed:
            response = HttpResponse(
                headers={
                    "Access-Control-Allow-Methods": ", ".join(CORS_METHODS),
                    "Access-Control-Allow-Headers": ", ".join(CORS_REQUEST_HEADERS),
                    "Access-Control-Max-Age": "600",
                }
            )
        else:
            response = self.get_response(request)
        patch_vary_headers(response, ("Origin",))
        if origin and allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Credentials"] = "true"
            response.headers["Access-Control-Expose-Headers"] = ", ".join(CORS_RESPONSE_HEADERS)
        return response


class LimitMiddleware:
    """Counts requests by the client's address, and refuses bodies that are too large.

    Before anything else is known about them. It also tells the caller where it stands, by this
    limit and those counted further in.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request."""
        if request.path in request_context.UNLOGGED:
            return self.get_response(request)
        address = network(context.current().client_ip)
        result = ratelimit.hit("ip", settings.rate_limit_ip, address)
        limits: list[ratelimit.RateLimitResult] = [] if result is None else [result]
        request.rate_limits = limits  # type: ignore[attr-defined]  # our attribute
        if result is not None and not result.allowed:
            response: HttpResponseBase = problem_response(request, result.error())
        elif int(request.META.get("CONTENT_LENGTH") or 0) > settings.max_body_bytes:
            detail = f"The body may have at most {settings.max_body_bytes} bytes."
            response = status_response(request, 413, detail)
        else:
            response = self.get_response(request)
        for name, value in ratelimit.headers(limits).items():
            response.headers[name] = value
        return response
