"""The composition root: only this file and the command line know every module."""

from apiflask import APIBlueprint

from app import about, modules
from app.accounts import routes as accounts
from app.accounts import service as accounts_service
from app.api_keys import service as api_keys_service
from app.core.ops import log, telemetry
from app.core.web import docs, metrics, middleware, openapi, probes
from app.core.web.access import Authenticators
from app.core.web.dev import routes as dev
from app.core.web.http import App, install_error_handlers
from app.organizations import queries as organizations_queries
from app.organizations import service as organizations_service
from app.settings import settings
from app.shell_context import shell_context

authenticators = Authenticators(
    by_access_token=accounts_service.authenticate_token,
    by_cookie=accounts_service.authenticate_cookie,
    by_api_key=api_keys_service.authenticate,
    role_of=organizations_queries.get_role,
)


def create_app() -> App:
    """Application factory, called by gunicorn, tests and the OpenAPI command."""
    log.configure()
    telemetry.configure()
    modules.load("models")
    modules.load("jobs")
    app = App(
        __name__,
        title=about.NAME,
        version="1",
        spec_path="/openapi.json" if settings.docs_enabled else None,
        # `core.web.docs` serves the page, with bundled assets instead of a CDN's.
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask accepts None, the type of APIFlask does not
    )
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        # `core.web.middleware` handles CORS preflights; other OPTIONS requests are 405.
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    # No redirects for doubled slashes: 404.
    app.url_map.merge_slashes = False
    install_error_handlers(app)
    for extension in (middleware, authenticators, openapi):
        extension.init_app(app)
    accounts_service.call_before_deletion(organizations_service.leave_all_organizations)
    api = APIBlueprint("api", __name__, url_prefix="/api/v1")
    for routes in modules.load("routes"):
        api.register_blueprint(routes.blueprint)
    app.register_blueprint(api)
    for blueprint in (accounts.well_known, probes.blueprint, metrics.blueprint):
        app.register_blueprint(blueprint)
    if settings.docs_enabled:
        app.register_blueprint(docs.blueprint)
    if settings.is_local:
        app.register_blueprint(dev.blueprint)
    app.shell_context_processor(shell_context)
    return app
