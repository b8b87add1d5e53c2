"""The documentation page: Swagger UI from the service itself, so that no other site runs here."""

ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
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
START = """const ui = SwaggerUIBundle({
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
