"""URLs and views of the pages for development."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from app.core.web.dev.pages import PATHS, POLICY, render, render_mail


def _response(content: str, media_type: str = "text/html") -> HttpResponse:
    return HttpResponse(content, media_type, headers={"Content-Security-Policy": POLICY})


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return _response(*render(request.path))


@require_GET
def mail(request: HttpRequest, name: str) -> HttpResponse:
    return _response(render_mail(name))


urlpatterns = [
    *(path(url.removeprefix("/"), page) for url in PATHS),
    path("dev/mail/<str:name>", mail),
]
