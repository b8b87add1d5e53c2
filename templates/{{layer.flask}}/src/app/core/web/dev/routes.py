"""The routes of the pages for development."""

from apiflask import APIBlueprint
from flask import Response, current_app, request

from app.core.web.access import public
from app.core.web.dev.pages import (
    ASSETS,
    PAGES,
    POLICY,
    read_file,
    render_mail,
    render_mails,
    render_page,
)

blueprint = APIBlueprint("dev", __name__, enable_openapi=False)


def _html(content: str) -> Response:
    headers = {"Content-Security-Policy": POLICY}
    return current_app.response_class(content, mimetype="text/html", headers=headers)


@public
def page() -> Response:
    return _html(render_page(request.path))


@public
def asset() -> Response:
    name = request.path.removeprefix("/dev/")
    return current_app.response_class(read_file(name), mimetype=ASSETS[name])


for path in PAGES:
    blueprint.add_url_rule(path, view_func=page)
for name in ASSETS:
    blueprint.add_url_rule(f"/dev/{name}", view_func=asset)


@blueprint.get("/dev/mail")
@public
def mails() -> Response:
    return _html(render_mails())


@blueprint.get("/dev/mail/<name>")
@public
def mail(name: str) -> Response:
    return _html(render_mail(name))
