"""The OpenAPI document of allauth's paths: allauth's own, less what is not offered here."""

from typing import Any

from allauth.headless.spec.internal.schema import get_schema
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.http import require_GET

from app.accounts.schemas import SignUp
from app.core.web.http import json_response

_INTRODUCTION = """\
Signing up, signing in, passwords, second factors and passkeys, in two manners: `app` for clients
that hold tokens, `browser` for a single-page app, whose session is in an HttpOnly cookie.

What differs from django-allauth elsewhere:

- A finished sign-in of an `app` client answers with `access_token`, `refresh_token`, `token_type`
  and `expires_in` in `meta`. The access token goes into `Authorization: Bearer`, here as in the
  rest of the API. `X-Session-Token` carries an unfinished sign-in to its next step, no further.
- Browsers need no CSRF token: requests of other sites are told by `Origin` and `Sec-Fetch-Site`.
- What is refused by a rule (a wrong password, a weak one, a wrong code, too many attempts) is
  answered with problem details (RFC 9457), as in the rest of the API.
- Sessions, sign-in with an identity provider, and the account itself are in the other document.
"""


def describe() -> dict[str, Any]:
    """Build the document."""
    document: dict[str, Any] = get_schema()
    document["info"]["title"] = "Accounts"
    document["info"]["description"] = _INTRODUCTION
    for path, operations in document["paths"].items():
        for method in list(operations):
            if method != "parameters" and not _is_served(path, method):
                del operations[method]
    schemas = document["components"]["schemas"]
    schemas["BaseSignup"]["properties"]["name"] = SignUp.model_json_schema()["properties"]["name"]
    schemas["BaseSignup"].setdefault("required", []).append("name")
    return document


def _is_served(path: str, method: str) -> bool:
    for client in ("app", "browser"):
        try:
            view = resolve(path.replace("{client}", client)).func
        except Resolver404:
            continue
        return hasattr(getattr(view, "view_class", None), method)
    return False


@require_GET
def serve(request: HttpRequest) -> HttpResponse:
    """Publish the document."""
    return json_response(describe())
