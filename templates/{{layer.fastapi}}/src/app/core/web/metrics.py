"""Prometheus metrics at `/metrics`, protected by METRICS_TOKEN."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from app.core.errors import NotFound, Unauthenticated
from app.core.ops import telemetry
from app.core.web.access import public
from app.settings import settings

router = APIRouter(dependencies=[Depends(public)], include_in_schema=False)


@router.get("/metrics")
async def metrics(authorization: Annotated[str, Header()] = "") -> Response:
    """Return the metrics of this process; 404 when METRICS_TOKEN is not set."""
    if settings.metrics_token is None:
        raise NotFound("page")
    expected = f"Bearer {settings.metrics_token.get_secret_value()}"
    if not hmac.compare_digest(authorization.encode(), expected.encode()):
        raise Unauthenticated("Send the metrics token.")
    return Response(telemetry.render_metrics(), media_type=telemetry.CONTENT_TYPE)
