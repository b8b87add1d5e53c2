"""Swagger UI at `/docs`, with its own content security policy; `/` redirects to it."""

from importlib.resources import files

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from ninja import Router

from app.core.errors import NotFound
from app.core.web.access import public
from app.core.web.docs_page import ASSETS, POLICY, render_page, render_script

router = Router()


@router.get("/", auth=public, include_in_schema=False)
def root(request: HttpRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect("/docs")


@router.get("/docs", auth=public, include_in_schema=False)
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(render_page(), "text/html", headers={"Content-Security-Policy": POLICY})


@router.get("/docs/start.js", auth=public, include_in_schema=False)
def start(request: HttpRequest) -> HttpResponse:
    # A file of its own: the policy forbids inline scripts.
    return HttpResponse(render_script(), "text/javascript")


@router.get("/docs/{name}", auth=public, include_in_schema=False)
def asset(request: HttpRequest, name: str) -> HttpResponse:
    if name not in ASSETS:
        raise NotFound("file")
    content = (files("ninja") / "static" / "ninja" / name).read_bytes()
    return HttpResponse(content, ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})
