"""Prometheus metrics at `/metrics`, protected by METRICS_TOKEN."""

import hmac

from apiflask import APIBlueprint
from flask import Response, current_app, request

from app.core.errors import NotFound, Unauthenticated
from app.core.ops import telemetry
from app.core.web.access import public
from app.settings import settings

blueprint = APIBlueprint("metrics", __name__, enable_openapi=False)


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """Return the metrics of this process; 404 when METRICS_TOKEN is not set."""
    if settings.metrics_token is None:
        raise NotFound("page")
    expected = f"Bearer {settings.metrics_token.get_secret_value()}"
    sent = request.headers.get("Authorization", "")
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        raise Unauthenticated("Send the metrics token.")
    return current_app.response_class(
        telemetry.render_metrics(), content_type=telemetry.CONTENT_TYPE
    )
