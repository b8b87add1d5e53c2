"""The API class, its unit of work, conditional requests (RFC 9110), and error responses."""

import logging
from collections.abc import Callable
from datetime import date
from functools import cached_property, wraps
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from ninja.decorators import decorate_view
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from psycopg_pool import PoolTimeout
from pydantic_core import from_json, to_json

from app.core.db.unit_of_work import unit_of_work
from app.core.errors import AppError, Invalid, RateLimited, Unavailable
from app.core.web import idempotency, openapi, preconditions, problems
from app.core.web.deprecation import Deprecation
from app.core.web.idempotency_rules import (
    KEPT_HEADERS,
    REPLAYED_HEADER,
    Claim,
    Replay,
    StoredResponse,
)

logger = logging.getLogger(__name__)

type View = Callable[..., HttpResponseBase]


class UnsupportedMediaType(Exception):
    """The body is not JSON."""


class JsonParser(Parser):
    """Accepts JSON media types only; malformed JSON is a validation error."""

    def parse_body(self, request: HttpRequest) -> Any:
        media_type = request.content_type or ""
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedMediaType
        try:
            return from_json(request.body, allow_inf_nan=False)
        except ValueError as error:
            raise Invalid(
                pointer="", code="json_invalid", detail="The body is not JSON."
            ) from error


class JsonRenderer(BaseRenderer):
    """Serializes with Pydantic, so that times have the same format in all responses."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return to_json(data)


class Api(NinjaAPI):
    """Raises errors of views, so that `in_unit_of_work` can roll back."""

    def on_exception(self, request: HttpRequest, exc: Exception | type[Exception]) -> NoReturn:
        # Ninja wraps some errors in HttpError: raise the original.
        if isinstance(exc, HttpError) and exc.__cause__ is not None:
            raise exc.__cause__
        raise exc

    # Describes operations that other URL tables serve.
    add_operations: Callable[[dict[str, Any]], None] | None = None

    @cached_property
    def document(self) -> dict[str, Any]:
        document = openapi.complete(self, super().get_openapi_schema(path_prefix=""))
        if self.add_operations:
            self.add_operations(document)
            schemas = document["components"]["schemas"]
            document["components"]["schemas"] = dict(sorted(schemas.items()))
        return document

    def get_openapi_schema(self, **_: Any) -> Any:
        # Ninja's view of `/openapi.json` calls it.
        return self.document

    def get_content_type(self) -> str:
        # Without `charset`: application/json has no parameters (RFC 8259).
        return JsonRenderer.media_type


def in_unit_of_work(run: View) -> View:
    """Run each request in one unit of work, committed before the response is sent.

    Not `ATOMIC_REQUESTS`: that does not roll back for an error response, and the response of an
    idempotency key must be stored in the same transaction.
    """

    @wraps(run)
    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = _run(run, request, *args, **kwargs)
        if isinstance(response, HttpResponse) and not response.content:
            del response.headers["Content-Type"]
        return _conditional(request, response)

    return view


def _run(run: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    try:
        with unit_of_work():
            response = run(request, *args, **kwargs)
            if claim := _claim(request):
                idempotency.store(claim, _answer(response))
    except Replay as replay:
        return _replayed(replay.response)
    except AppError as error:
        response = problem_response(request, error)
        if claim := _claim(request):
            if isinstance(error, RateLimited | Unavailable):
                idempotency.release(claim)
            else:
                idempotency.store_failure(claim, _answer(response))
    except BaseException:
        if claim := _claim(request):
            idempotency.release(claim)
        raise
    return response


def _claim(request: HttpRequest) -> Claim | None:
    claim: Claim | None = getattr(request, "idempotency_claim", None)
    return claim


def _answer(response: HttpResponseBase) -> StoredResponse:
    assert isinstance(response, HttpResponse)  # noqa: S101 - for mypy: no idempotent route streams
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return StoredResponse(response.status_code, kept, response.content)


def _replayed(stored: StoredResponse) -> HttpResponse:
    headers = stored.headers | {REPLAYED_HEADER: "true"}
    return HttpResponse(stored.body, status=stored.status, headers=headers)


def _conditional(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Add an ETag to a JSON response to GET; respond 304 when If-None-Match has it (RFC 9110)."""
    if request.method != "GET" or response.status_code != 200:
        return response
    if "ETag" not in response.headers:
        if not isinstance(response, HttpResponse):
            return response  # a stream: only its route knows an ETag
        response.headers["ETag"] = preconditions.content_etag(response.content)
    # Caches must revalidate each time, unless the route has set Cache-Control.
    response.headers.setdefault("Cache-Control", "private, no-cache")
    if not preconditions.is_unchanged(
        request.headers.get("If-None-Match"), response.headers["ETag"]
    ):
        return response
    kept = {
        name: response.headers[name]
        for name in ("ETag", "Cache-Control", "Vary")
        if name in response.headers
    }
    return empty_response(304, headers=kept)


def deprecated[**P, R](
    *, since: date, sunset: date, guide: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Announce the removal of a route (RFC 9745, RFC 8594). Place it below the route decorator."""
    headers = Deprecation(since, sunset, guide).headers()

    def announce(run: View) -> View:
        @wraps(run)
        def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            # The middleware adds the headers, also to error responses.
            request.deprecation = headers  # type: ignore[attr-defined]  # our attribute
            return run(request, *args, **kwargs)

        return view

    def declare(view: Callable[P, R]) -> Callable[P, R]:
        view.deprecation = headers  # type: ignore[attr-defined]  # our attribute
        return decorate_view(announce)(view)

    return declare


def empty_response(status: int = 204, headers: dict[str, str] | None = None) -> HttpResponse:
    response = HttpResponse(status=status, headers=headers)
    response.headers.pop("Content-Type", None)
    return response


def json_response(
    body: dict[str, Any],
    status: int = 200,
    headers: dict[str, str] | None = None,
    content_type: str = JsonRenderer.media_type,
) -> HttpResponse:
    return HttpResponse(to_json(body), content_type, status, headers=headers)


def problem_response(request: HttpRequest, error: AppError) -> HttpResponse:
    status, headers, body = problems.from_error(error, request.path)
    return json_response(body, status, headers, problems.MEDIA_TYPE)


def status_response(
    request: HttpRequest, status: int, detail: str | None = None, **headers: str
) -> HttpResponse:
    body = problems.from_status(status, request.path, detail)
    return json_response(body, status, headers, problems.MEDIA_TYPE)


def _located(error: dict[str, Any]) -> dict[str, Any]:
    """Remove the name of the view's parameter, which Ninja puts into `loc` after "body"."""
    place, *rest = error["loc"]
    return {**error, "loc": (place, *rest[1:])} if place == "body" else error


def error_response(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Return the problem document of an error; None for an unexpected error (500)."""
    match error:
        case AppError():
            return problem_response(request, error)
        case ValidationError():
            body = problems.from_validation([_located(item) for item in error.errors], request.path)
            return json_response(body, 422, content_type=problems.MEDIA_TYPE)
        case UnsupportedMediaType():
            return status_response(request, 415, "The body must be application/json.")
        case RequestDataTooBig():
            return status_response(request, 413)
        case OperationalError() | InterfaceError() | PoolTimeout():
            logger.error("database unavailable", exc_info=error)
            detail = "The database does not answer."
            return status_response(request, 503, detail, **{"Retry-After": "5"})
    return None


# The error handlers of `app.config.urls`, for errors outside of views.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return status_response(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return status_response(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return status_response(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return status_response(request, 500)
