"""The routes of the documentation page, to which `/` redirects."""

from importlib.resources import files

from apiflask import APIBlueprint
from flask import Response, current_app, redirect
from werkzeug import Response as BaseResponse

from app.core.errors import NotFound
from app.core.web.access import public
from app.core.web.docs_page import ASSETS, POLICY, render_page, render_script

blueprint = APIBlueprint("docs", __name__, enable_openapi=False)


def _file(content: str | bytes, mimetype: str, **headers: str) -> Response:
    return current_app.response_class(content, mimetype=mimetype, headers=headers)


@blueprint.get("/")
@public
def root() -> BaseResponse:
    return redirect("/docs")


@blueprint.get("/docs")
@public
def page() -> Response:
    return _file(render_page(), "text/html", **{"Content-Security-Policy": POLICY})


@blueprint.get("/docs/start.js")
@public
def start() -> Response:
    """Serve the script that starts Swagger UI: the page's policy forbids inline scripts."""
    return _file(render_script(), "text/javascript")


@blueprint.get("/docs/<name>")
@public
def asset(name: str) -> Response:
    """Serve a static file of Swagger UI."""
    if name not in ASSETS:
        raise NotFound("file")
    content = (files("flask_swagger_ui") / "dist" / name).read_bytes()
    return _file(content, ASSETS[name], **{"Cache-Control": "public, max-age=86400"})
