"""Unit of work, conditional requests and error responses of routes."""

import logging
from collections.abc import Callable, Coroutine
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

from app.core.db.unit_of_work import unit_of_work
from app.core.errors import AppError, RateLimited, Unavailable
from app.core.web import idempotency, preconditions, problems
from app.core.web.deprecation import Deprecation
from app.core.web.idempotency_rules import (
    KEPT_HEADERS,
    REPLAYED_HEADER,
    Claim,
    Replay,
    StoredResponse,
)

logger = logging.getLogger(__name__)

type Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class UnitOfWorkRoute(APIRoute):
    """Runs each request in one unit of work, committed before the response is sent.

    Not a dependency with `yield`, which cannot read the response: the stored response of an
    idempotency key must be part of the same transaction.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_in_unit_of_work(request: Request) -> Response:
            try:
                async with unit_of_work() as session:
                    request.state.session = session
                    response = await handle(request)
                    if claim := _claim(request):
                        await idempotency.store(session, claim, _stored(response))
            except Replay as replay:
                return _replayed(replay.response)
            except AppError as error:
                response = problem_response(request, error)
                if claim := _claim(request):
                    if isinstance(error, RateLimited | Unavailable):
                        await idempotency.release(claim)
                    else:
                        await idempotency.store_failure(claim, _stored(response))
            except BaseException:
                if claim := _claim(request):
                    await idempotency.release(claim)
                raise
            return _conditional(request, response)

        return handle_in_unit_of_work


def _claim(request: Request) -> Claim | None:
    claim: Claim | None = getattr(request.state, "idempotency_claim", None)
    return claim


def _stored(response: Response) -> StoredResponse:
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return StoredResponse(response.status_code, kept, bytes(response.body))


def _replayed(stored: StoredResponse) -> Response:
    headers = stored.headers | {REPLAYED_HEADER: "true"}
    return Response(stored.body, stored.status, headers)


def _session(request: Request) -> AsyncSession:
    session: AsyncSession = request.state.session
    return session


SessionDep = Annotated[AsyncSession, Depends(_session)]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match", description="Refuse the change (412) unless this is the current ETag."
    ),
]


def deprecated(*, since: date, sunset: date, guide: str | None = None) -> dict[str, Any]:
    """Declare a deprecated route: `@router.get(..., **deprecated(since=..., sunset=...))`."""
    headers = Deprecation(since, sunset, guide).headers()
    return {"deprecated": True, "openapi_extra": {"x-deprecation": headers}}


def deprecation_headers(route: object) -> dict[str, str]:
    """Return the headers of a route declared with `deprecated`; empty for any other."""
    extra: dict[str, Any] = getattr(route, "openapi_extra", None) or {}
    headers: dict[str, str] = extra.get("x-deprecation", {})
    return headers


def set_etag(response: Response, etag: str) -> None:
    response.headers["ETag"] = etag


def _conditional(request: Request, response: Response) -> Response:
    """Add an ETag to each response to GET; 304 if `If-None-Match` has it (RFC 9110, 13.1.2)."""
    if request.method != "GET" or response.status_code != 200:
        return response
    if "etag" not in response.headers:
        if not hasattr(response, "body"):
            return response  # a stream: only its route can set an ETag
        response.headers["ETag"] = preconditions.content_etag(bytes(response.body))
    etag = response.headers["etag"]
    # Caches must revalidate each time, unless the route sets another policy.
    response.headers.setdefault("Cache-Control", "private, no-cache")
    if not preconditions.is_unchanged(request.headers.get("if-none-match"), etag):
        return response
    kept = {
        name: response.headers[name]
        for name in ("etag", "cache-control", "vary")
        if name in response.headers
    }
    return Response(status_code=304, headers=kept)


def problem_response(request: Request, error: AppError) -> Response:
    """Return the problem document (RFC 9457) of a domain error."""
    status, headers, body = problems.from_error(error, request.url.path)
    return JSONResponse(body, status, headers, media_type=problems.MEDIA_TYPE)


def status_response(
    request: Request, status: int, detail: str | None = None, **headers: str
) -> Response:
    """Return the problem document of an error that is not a domain error."""
    body = problems.from_status(status, request.url.path, detail)
    return JSONResponse(body, status, headers, media_type=problems.MEDIA_TYPE)


def install_error_handlers(app: FastAPI) -> None:
    """Make every error response a problem document (RFC 9457)."""

    @app.exception_handler(AppError)
    async def domain_error(request: Request, error: AppError) -> Response:
        return problem_response(request, error)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 400:
            # FastAPI could not parse the body: nested too deep, or not UTF-8. Invalid input is 422.
            return await invalid_request(
                request,
                RequestValidationError(
                    [{"loc": ("body",), "type": "json_invalid", "msg": "The body is not JSON."}]
                ),
            )
        detail = error.detail if error.status_code not in {404, 405} else None
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = _allowed_methods(request)
        return status_response(request, error.status_code, detail, **headers)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> Response:
        if _is_wrong_media_type(request, error):
            return status_response(request, 415, "The body must be application/json.")
        body = problems.from_validation(list(error.errors()), request.url.path)
        return JSONResponse(body, 422, media_type=problems.MEDIA_TYPE)

    @app.exception_handler(OperationalError)
    @app.exception_handler(PoolTimeoutError)
    async def database_down(request: Request, error: Exception) -> Response:
        logger.error("database unavailable", exc_info=error)
        return status_response(
            request, 503, "The database does not answer.", **{"Retry-After": "5"}
        )


def _allowed_methods(request: Request) -> str:
    """Return the methods of all routes of a path; Starlette returns those of the first route."""
    found = {
        method
        for context in iter_route_contexts(request.app.routes)
        if context.methods and context.path_regex.match(request.scope["path"])
        for method in context.methods
    }
    return ", ".join(sorted(found))


def _is_wrong_media_type(request: Request, error: RequestValidationError) -> bool:
    # FastAPI leaves a body of another media type as bytes.
    return isinstance(error.body, bytes)
