"""The routes of the pages for development."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

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

router = APIRouter(dependencies=[Depends(public)], include_in_schema=False)


def _html(content: str) -> Response:
    return Response(content, media_type="text/html", headers={"Content-Security-Policy": POLICY})


# Not asynchronous: they read files.
def page(request: Request) -> Response:
    return _html(render_page(request.url.path))


def asset(request: Request) -> Response:
    name = request.url.path.removeprefix("/dev/")
    return Response(read_file(name), media_type=ASSETS[name])


for path in PAGES:
    router.add_api_route(path, page)
for name in ASSETS:
    router.add_api_route(f"/dev/{name}", asset)


@router.get("/dev/mail")
def mails() -> Response:
    return _html(render_mails())


@router.get("/dev/mail/{name}")
def mail(name: Annotated[str, Path()]) -> Response:
    return _html(render_mail(name))
