"""Prometheus metrics at `/metrics`, with METRICS_TOKEN as bearer token."""

import hmac

from django.http import HttpRequest, HttpResponse
from ninja import Router

from app.core.errors import NotFound, Unauthenticated
from app.core.ops import telemetry
from app.core.web.access import public
from app.settings import settings

router = Router()


@router.get("/metrics", auth=public, include_in_schema=False)
def metrics(request: HttpRequest) -> HttpResponse:
    if settings.metrics_token is None:
        raise NotFound("page")
    expected = f"Bearer {settings.metrics_token.get_secret_value()}"
    sent = request.headers.get("Authorization", "")
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        raise Unauthenticated("Send the metrics token.")
    return HttpResponse(telemetry.render_metrics(), telemetry.CONTENT_TYPE)
