"""The routes of the documentation page, to which `/` redirects."""

from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import RedirectResponse

from app.core.errors import NotFound
from app.core.web.access import public
from app.core.web.docs_page import ASSETS, POLICY, render_page, render_script

router = APIRouter(dependencies=[Depends(public)], include_in_schema=False)


@router.get("/")
async def root() -> RedirectResponse:
    return RedirectResponse("/docs", 302)


@router.get("/docs")
async def page() -> Response:
    return Response(
        render_page(), media_type="text/html", headers={"Content-Security-Policy": POLICY}
    )


@router.get("/docs/start.js")
async def start() -> Response:
    """Serve the script that starts Swagger UI: the page's policy forbids inline scripts."""
    return Response(render_script(), media_type="text/javascript")


@router.get("/docs/{name}")
async def asset(name: Annotated[str, Path()]) -> Response:
    """Serve a static file of Swagger UI."""
    if name not in ASSETS:
        raise NotFound("file")
    content = (files("fastapi_swagger.resources") / name).read_bytes()
    return Response(
        content, media_type=ASSETS[name], headers={"Cache-Control": "public, max-age=86400"}
    )
