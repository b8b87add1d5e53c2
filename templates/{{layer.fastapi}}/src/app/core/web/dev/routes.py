"""The routes of the pages for development."""

from fastapi import APIRouter, Depends, Request, Response

from app.core.web.access import public
from app.core.web.dev.pages import PATHS, POLICY, render, render_mail

router = APIRouter(dependencies=[Depends(public)], include_in_schema=False)


def _response(content: str, media_type: str = "text/html") -> Response:
    headers = {"Content-Security-Policy": POLICY}
    return Response(content, media_type=media_type, headers=headers)


# Not asynchronous: they read files.
def page(request: Request) -> Response:
    return _response(*render(request.url.path))


for path in PATHS:
    router.add_api_route(path, page)


@router.get("/dev/mail/{name}")
def mail(name: str) -> Response:
    return _response(render_mail(name))
