"""The OpenAPI document of allauth's operations: allauth's own, without what is not served."""

import json
from typing import Any

from allauth.headless.spec.views import OpenAPIJSONView
from django.http import HttpRequest, HttpResponse

from app import demo
from app.accounts.schemas import PasswordChange, SignIn, SignUp
from app.core.schemas import Input
from app.core.web.http import json_response

_DESCRIPTION = """\
Sign-up, sign-in, passwords, second factors and passkeys, for two kinds of client: `app` holds
tokens; `browser` is a single-page app whose session is in an HttpOnly cookie.

Differences from django-allauth elsewhere:

- A finished sign-in of an `app` client answers with `access_token`, `refresh_token`, `token_type`
  and `expires_in` in `meta`. The access token goes into `Authorization: Bearer`, here as in the
  rest of the API. `X-Session-Token` only carries an unfinished sign-in to its next step.
- Browsers need no CSRF token: cross-site requests are refused by `Origin` and `Sec-Fetch-Site`.
- Refusals (a wrong password, a weak one, a wrong code, too many attempts) are problem details
  (RFC 9457), as in the rest of the API.
- Sessions, sign-in with an identity provider, and the account itself are in the other document.
"""
# Links in mails lead to the front end, which sends the key with POST.
_NOT_SERVED = ("auth/email/verify", "auth/password/reset")


def serve(request: HttpRequest) -> HttpResponse:
    """Publish the document."""
    document: dict[str, Any] = json.loads(OpenAPIJSONView().get(request).content)
    document["info"] |= {"title": "Accounts", "description": _DESCRIPTION}
    for path in _NOT_SERVED:
        del document["paths"][f"/_allauth/{{client}}/v1/{path}"]["get"]
    schemas = document["components"]["schemas"]
    signup = schemas["BaseSignup"]
    signup["properties"]["name"] = SignUp.model_json_schema()["properties"]["name"]
    signup["required"].append("name")
    # Instead of allauth's examples, whose user does not exist.
    schemas["Email"]["example"] = demo.EMAIL
    schemas["Password"]["example"] = demo.PASSWORD
    schemas["Login"]["example"] = _example(SignIn)
    schemas["Signup"]["example"] = _example(SignUp)
    change = document["components"]["requestBodies"]["ChangePassword"]["content"]
    change["application/json"]["schema"]["example"] = _example(PasswordChange)
    return json_response(document)


def _example(model: type[Input]) -> dict[str, str]:
    example: dict[str, str] = model.model_json_schema()["examples"][0]
    return example
