"""The composition root: only this file and the command line know every module."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from app import about, modules
from app.accounts import routes as accounts
from app.accounts import service as accounts_service
from app.api_keys import service as api_keys_service
from app.core import redis
from app.core.db.engine import engine
from app.core.db.reachability import describe_failure
from app.core.db.roles import refuse_privileged_role
from app.core.ops import log, telemetry
from app.core.web import access, docs, metrics, openapi, probes
from app.core.web.dev import routes as dev
from app.core.web.http import install_error_handlers
from app.core.web.middleware import (
    BodyLimitMiddleware,
    CorsMiddleware,
    RateLimitMiddleware,
    RequestContextMiddleware,
    UnhandledErrorMiddleware,
)
from app.organizations import queries as organizations_queries
from app.organizations import service as organizations_service
from app.settings import settings

logger = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Check the database at start, close connections at shutdown."""
    if failure := await to_thread.run_sync(describe_failure, "DATABASE_URL"):
        # Readiness decides, and checks the role once the database is reachable.
        logger.error(failure)
    elif settings.environment == "production":
        await refuse_privileged_role()
    yield
    probes.probe.drain()
    await redis.client.aclose()
    await engine.dispose()


def create_app() -> FastAPI:
    """Application factory, called by uvicorn, tests and the OpenAPI command."""
    log.configure()
    telemetry.configure()
    modules.load("models")
    modules.load("jobs")
    middleware = [
        Middleware(RequestContextMiddleware),
        Middleware(CorsMiddleware),
        Middleware(UnhandledErrorMiddleware),
        Middleware(RateLimitMiddleware),
        Middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes),
    ]
    app = FastAPI(
        title=about.NAME,
        description=about.DESCRIPTION,
        version="1",
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        # `core.web.docs` serves the page, with bundled assets instead of a CDN's.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # The operation id is the name of the function.
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
        middleware=middleware,
    )
    app.state.authenticators = access.Authenticators(
        by_access_token=accounts_service.authenticate_token,
        by_cookie=accounts_service.authenticate_cookie,
        by_api_key=api_keys_service.authenticate,
        role_of=organizations_queries.get_role,
    )
    accounts_service.call_before_deletion(organizations_service.leave_all_organizations)
    api = APIRouter(prefix="/api/v1")
    for routes in modules.load("routes"):
        api.include_router(routes.router)
    app.include_router(api)
    app.include_router(accounts.well_known_router)
    app.include_router(probes.router)
    app.include_router(metrics.router)
    if settings.docs_enabled:
        app.include_router(docs.router)
    if settings.is_local:
        app.include_router(dev.router)
    install_error_handlers(app)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]  # as FastAPI documents
    return app
