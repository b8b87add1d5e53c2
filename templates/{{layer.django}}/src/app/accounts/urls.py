"""allauth's paths, those that are offered: e-mail addresses and providers are not its business."""

from allauth.headless.account import views as account
from allauth.headless.base import views as base
from allauth.headless.base.views import APIView
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from django.urls import URLPattern, URLResolver, include, path

from app.accounts import headless, specification
from app.settings import settings

_VIEWS: dict[str, type[APIView]] = {
    "config": base.ConfigView,
    "auth/session": account.SessionView,
    "auth/signup": headless.SignupView,
    "auth/email/verify": headless.VerifyEmailView,
    "auth/login": headless.LoginView,
    "auth/password/request": headless.RequestPasswordResetView,
    "auth/password/reset": headless.ResetPasswordView,
    "auth/reauthenticate": headless.ReauthenticateView,
    "auth/2fa/authenticate": headless.AuthenticateCodeView,
    "auth/2fa/reauthenticate": headless.ReauthenticateCodeView,
    "auth/webauthn/login": headless.LoginWebAuthnView,
    "auth/webauthn/authenticate": headless.AuthenticateWebAuthnView,
    "auth/webauthn/reauthenticate": headless.ReauthenticateWebAuthnView,
    "account/password/change": headless.ChangePasswordView,
    "account/authenticators": mfa.AuthenticatorsView,
    "account/authenticators/totp": headless.ManageTOTPView,
    "account/authenticators/recovery-codes": headless.ManageRecoveryCodesView,
    "account/authenticators/webauthn": headless.ManageWebAuthnView,
}


def _client(client: Client) -> URLResolver:
    views = dict(_VIEWS)
    if client == Client.APP:
        views["tokens/refresh"] = headless.RefreshTokenView
    patterns: list[URLPattern] = [
        path(route, headless.serve(view, client)) for route, view in views.items()
    ]
    return path(f"{client.value}/v1/", include(patterns))


app_name = "headless"
urlpatterns: list[URLPattern | URLResolver] = [_client(client) for client in Client]
if settings.docs_enabled:
    urlpatterns.append(path("openapi.json", specification.serve, name="openapi_yaml"))
