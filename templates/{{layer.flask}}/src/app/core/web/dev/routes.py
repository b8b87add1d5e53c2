"""The routes of the pages for development."""

from apiflask import APIBlueprint
from flask import Response, current_app, request

from app.core.web.access import public
from app.core.web.dev.pages import PATHS, POLICY, render, render_mail

blueprint = APIBlueprint("dev", __name__, enable_openapi=False)


def _response(content: str, media_type: str = "text/html") -> Response:
    headers = {"Content-Security-Policy": POLICY}
    return current_app.response_class(content, mimetype=media_type, headers=headers)


@public
def page() -> Response:
    return _response(*render(request.path))


for path in PATHS:
    blueprint.add_url_rule(path, view_func=page)


@blueprint.get("/dev/mail/<name>")
@public
def mail(name: str) -> Response:
    return _response(render_mail(name))
