"""The operations of allauth that are served. Read ADR 0007 before another one is added.

`specification.py` describes each.
"""

from typing import Any

from allauth.headless.account import views as account
from allauth.headless.base import views as base
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from allauth.headless.tokens.views import RefreshTokenView
from django.urls import URLPattern, URLResolver, include, path

from app.accounts.headless import inputs, views

# The view, and an input that replaces allauth's.
_VIEWS: dict[str, tuple[type[base.APIView], Any]] = {
    "config": (base.ConfigView, None),
    "auth/session": (account.SessionView, None),
    "auth/signup": (views.SignupView, None),
    "auth/email/verify": (views.VerifyEmailView, None),
    "auth/login": (account.LoginView, inputs.LoginInput),
    "auth/password/request": (account.RequestPasswordResetView, inputs.RequestPasswordResetInput),
    "auth/password/reset": (views.ResetPasswordView, None),
    "auth/reauthenticate": (account.ReauthenticateView, inputs.ReauthenticateInput),
    "auth/2fa/authenticate": (mfa.AuthenticateView, inputs.AuthenticateInput),
    "auth/2fa/reauthenticate": (mfa.ReauthenticateView, inputs.ReauthenticateCodeInput),
    "auth/webauthn/login": (views.LoginWebAuthnView, None),
    "auth/webauthn/authenticate": (views.AuthenticateWebAuthnView, None),
    "auth/webauthn/reauthenticate": (views.ReauthenticateWebAuthnView, None),
    "account/password/change": (views.ChangePasswordView, None),
    "account/authenticators": (mfa.AuthenticatorsView, None),
    "account/authenticators/totp": (views.ManageTOTPView, {"POST": inputs.ActivateTOTPInput}),
    "account/authenticators/recovery-codes": (views.ManageRecoveryCodesView, None),
    "account/authenticators/webauthn": (views.ManageWebAuthnView, None),
}
_APP_ONLY: dict[str, tuple[type[base.APIView], Any]] = {
    "tokens/refresh": (RefreshTokenView, inputs.RefreshTokenInput)
}


def _paths(client: Client, operations: dict[str, tuple[type[base.APIView], Any]]) -> URLResolver:
    patterns = [
        path(route, views.serve(view, client, **({"input_class": replaced} if replaced else {})))
        for route, (view, replaced) in operations.items()
    ]
    return path(f"{client.value}/v1/", include(patterns))


app_name = "headless"
urlpatterns: list[URLPattern | URLResolver] = [
    _paths(Client.APP, _VIEWS | _APP_ONLY),
    _paths(Client.BROWSER, _VIEWS),
]
