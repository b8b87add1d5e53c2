"""Unit of work, conditional requests and error responses of views."""

import logging
from collections.abc import Callable
from datetime import date
from typing import Any, NoReturn, cast

from apiflask import APIFlask, HTTPError
from flask import Request, Response, current_app, g, request
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.local import LocalProxy

from app.core.db.unit_of_work import unit_of_work
from app.core.errors import AppError, Invalid, RateLimited, Unavailable
from app.core.web import idempotency, preconditions, problems
from app.core.web.deprecation import Deprecation
from app.core.web.idempotency_rules import (
    KEPT_HEADERS,
    REPLAYED_HEADER,
    Claim,
    Replay,
    StoredResponse,
)
from app.core.web.parameters import header_name

logger = logging.getLogger(__name__)

# Paths of the contract: only their responses get an ETag.
_CONDITIONAL = ("/api/", "/.well-known/")

# The session of the request's unit of work.
db = cast(Session, LocalProxy(lambda: g.session))


class JsonRequest(Request):
    """Accepts only JSON; a body that cannot be parsed is Invalid."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        body = self.get_data()
        limit = self.max_content_length
        if self.content_length is None and limit is not None and len(body) >= limit:
            refuse_large_body(limit)  # Werkzeug would truncate it
        if body and not self.is_json:
            raise UnsupportedMediaType
        try:
            return super().get_json(force, silent, cache)
        except RecursionError:
            self.on_json_loading_failed(None)

    def on_json_loading_failed(self, e: ValueError | None) -> NoReturn:
        raise Invalid(pointer="", code="json_invalid", detail="The body is not JSON.") from e


def refuse_large_body(limit: int) -> NoReturn:
    """Raise RequestEntityTooLarge, after reading up to four times `limit` of the rest.

    gunicorn closes a connection with much unread data: a client that is still sending would not
    receive the response.
    """
    for _ in range(4):
        if not request.environ["wsgi.input"].read(limit):
            break
    raise RequestEntityTooLarge


class PlainResponse(Response):
    """Has no Content-Type without a body."""

    default_mimetype = None


class App(APIFlask):
    """Runs each request in one unit of work, committed before the response is sent.

    Not in `after_request`, which also runs for failed requests, or `teardown_request`, which cannot
    change the response. The stored response of an idempotency key is part of the transaction.
    """

    request_class = JsonRequest
    response_class = PlainResponse

    def dispatch_request(self) -> Response:
        try:
            with unit_of_work() as session:
                g.session = session
                response = self.make_response(super().dispatch_request())
                if claim := _claim():
                    idempotency.store(session, claim, _stored(response))
        except Replay as replay:
            return _replayed(replay.response)
        except AppError as error:
            response = problem_response(error)
            if claim := _claim():
                if isinstance(error, RateLimited | Unavailable):
                    idempotency.release(claim)
                else:
                    idempotency.store_failure(claim, _stored(response))
        except BaseException:
            if claim := _claim():
                idempotency.release(claim)
            raise
        return _conditional(response)


def _claim() -> Claim | None:
    claim: Claim | None = g.get("claim")
    return claim


def _stored(response: Response) -> StoredResponse:
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return StoredResponse(response.status_code, kept, response.get_data())


def _replayed(stored: StoredResponse) -> Response:
    headers = stored.headers | {REPLAYED_HEADER: "true"}
    return current_app.response_class(stored.body, stored.status, headers)


def _conditional(response: Response) -> Response:
    """Add an ETag to each response to GET; 304 if `If-None-Match` has it (RFC 9110, 13.1.2)."""
    if request.method not in {"GET", "HEAD"} or response.status_code != 200:
        return response
    if not request.path.startswith(_CONDITIONAL):
        return response
    if "ETag" not in response.headers:
        if response.is_streamed:
            return response  # only its view can set an ETag
        response.headers["ETag"] = preconditions.content_etag(response.get_data())
    # Caches must revalidate each time, unless the view sets another policy.
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
    return current_app.response_class(status=304, headers=kept)


def deprecated[**P, R](
    *, since: date, sunset: date, guide: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a deprecated view; stands below the access declaration."""
    headers = Deprecation(since, sunset, guide).headers()

    def declare(view: Callable[P, R]) -> Callable[P, R]:
        view.deprecation = headers  # type: ignore[attr-defined]  # our attribute of a function
        return view

    return declare


def deprecation_headers(view: object) -> dict[str, str]:
    """Return the headers of a view declared with `deprecated`; empty for any other."""
    headers: dict[str, str] = getattr(view, "deprecation", {})
    return headers


def empty_response(status: int = 204) -> Response:
    return current_app.response_class(status=status)


def problem_response(error: AppError) -> Response:
    """Return the problem document (RFC 9457) of a domain error."""
    status, headers, body = problems.from_error(error, request.path)
    return _problem(body, status, headers)


def json_response(body: dict[str, Any]) -> Response:
    return cast(Response, current_app.json.response(body))


def _problem(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    response = json_response(body)
    response.status_code = status
    response.mimetype = problems.MEDIA_TYPE
    response.headers.update(headers)
    return response


def _http_error(error: HTTPError) -> Response:
    """Return the problem document of an error that Flask or APIFlask raised."""
    if isinstance(error.__cause__, ValidationError):
        return _invalid(next(iter(error.detail)), error.__cause__)
    body = problems.from_status(error.status_code, request.path)
    return _problem(body, error.status_code, dict(Headers(error.headers)))


def _invalid(location: str, error: ValidationError) -> Response:
    errors: list[dict[str, Any]] = []
    for item in error.errors(include_url=False, include_input=False):
        where: tuple[int | str, ...] = item["loc"]
        if location == "headers":
            where = tuple(header_name(str(part)) for part in where)
        errors.append({**item, "loc": ("body" if location == "json" else location, *where)})
    return _problem(problems.from_validation(errors, request.path), 422, {})


def _database_down(error: Exception) -> Response:
    logger.error("database unavailable", exc_info=error)
    body = problems.from_status(503, request.path, "The database does not answer.")
    return _problem(body, 503, {"Retry-After": "5"})


def install_error_handlers(app: APIFlask) -> None:
    """Make every error response a problem document (RFC 9457)."""
    app.register_error_handler(AppError, problem_response)
    app.register_error_handler(OperationalError, _database_down)
    app.register_error_handler(PoolTimeoutError, _database_down)
    app.error_processor(_http_error)
