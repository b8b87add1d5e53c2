"""URLs and views of the pages for development."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from app.core.web.dev.pages import (
    ASSETS,
    PAGES,
    POLICY,
    read_file,
    render_mail,
    render_mails,
    render_page,
)


def _html(content: str) -> HttpResponse:
    return HttpResponse(content, "text/html", headers={"Content-Security-Policy": POLICY})


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return _html(render_page(request.path))


@require_GET
def asset(request: HttpRequest) -> HttpResponse:
    name = request.path.removeprefix("/dev/")
    return HttpResponse(read_file(name), ASSETS[name])


@require_GET
def mails(request: HttpRequest) -> HttpResponse:
    return _html(render_mails())


@require_GET
def mail(request: HttpRequest, name: str) -> HttpResponse:
    return _html(render_mail(name))


urlpatterns = [
    *(path(url.removeprefix("/"), page) for url in PAGES),
    *(path(f"dev/{name}", asset) for name in ASSETS),
    path("dev/mail", mails),
    path("dev/mail/<str:name>", mail),
]
