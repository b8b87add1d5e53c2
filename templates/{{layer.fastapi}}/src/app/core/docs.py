"""The documentation page: Swagger UI from the service itself, so that no other site runs here."""

from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from app.core.access import public
from app.core.errors import NotFound

router = APIRouter(dependencies=[Depends(public)], include_in_schema=False)

_ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API documentation</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
# Signing in on the page authorises it: the access token goes where "Authorize" would put it.
_START = """const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  responseInterceptor: (response) => {
    if (response.ok && response.url.endsWith("/auth/sign-in") && response.body?.access_token) {
      ui.preauthorizeApiKey("HTTPBearer", response.body.access_token);
    }
    return response;
  },
});
"""


@router.get("/docs")
async def page() -> Response:
    """Show the page."""
    return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/start.js")
async def start() -> Response:
    """Serve the script that starts Swagger UI; inline script is what the policy forbids."""
    return Response(_START, media_type="text/javascript")


@router.get("/docs/{name}")
async def asset(name: Annotated[str, Path()]) -> Response:
    """Serve one of Swagger UI's own files."""
    if name not in _ASSETS:
        raise NotFound("file")
    content = (files("fastapi_swagger.resources") / name).read_bytes()
    return Response(
        content, media_type=_ASSETS[name], headers={"Cache-Control": "public, max-age=86400"}
    )
