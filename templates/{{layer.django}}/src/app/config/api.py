"""Assembles the API from the routers of all modules."""

from ninja import Router

from app import about, modules
from app.accounts import routes as accounts
from app.accounts import service as accounts_service
from app.accounts import specification as accounts_specification
from app.api_keys import service as api_keys_service
from app.core.web import access, docs, metrics, probes
from app.core.web.http import Api, JsonParser, JsonRenderer, in_unit_of_work
from app.organizations import queries as organizations_queries
from app.settings import settings

access.install(
    access.Authenticators(
        by_access_token=accounts_service.authenticate_token,
        by_cookie=accounts_service.authenticate_cookie,
        by_api_key=api_keys_service.authenticate,
        role_of=organizations_queries.get_role,
    )
)


def create_api() -> Api:
    api = Api(
        title=about.NAME,
        description=about.DESCRIPTION,
        version="1",
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        # Served by `core.web.docs`, with a content security policy of its own.
        docs_url=None,
        renderer=JsonRenderer(),
        parser=JsonParser(),
    )
    version_1 = Router()
    version_1.add_decorator(in_unit_of_work, mode="view")
    for routes in modules.load("routes"):
        version_1.add_router("", routes.router)
    api.add_router("/api/v1", version_1)
    api.add_router("/.well-known", accounts.well_known)
    api.add_router("", probes.router)
    api.add_router("", metrics.router)
    if settings.docs_enabled:
        api.add_router("", docs.router)
    api.add_operations = accounts_specification.add_operations
    return api


api = create_api()
