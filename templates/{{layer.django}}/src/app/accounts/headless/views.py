"""allauth's headless views where the contract asks for more than they do, and the guard of all."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

from allauth.headless.account.views import SessionView
from allauth.headless.base.response import AuthenticationResponse, ConflictResponse
from allauth.headless.base.views import APIView, AuthenticatedAPIView, ConfigView
from allauth.headless.constants import Client, Flow
from allauth.headless.mfa import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from allauth.mfa.webauthn.internal.auth import STATE_SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session as DjangoSession
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel

from app.accounts import rules, schemas, service, sessions
from app.accounts.headless import inputs
from app.core import context
from app.core.errors import Invalid, Unauthenticated
from app.core.security import csrf, ratelimit
from app.core.security.client_ip import network
from app.core.security.impersonation import refuse_while_impersonating
from app.core.web.access import SESSION_COOKIE
from app.core.web.http import JsonParser, View, in_unit_of_work
from app.settings import settings


class ModelMixin:
    """Makes a view read a Pydantic model, `body`."""

    model: ClassVar[type[BaseModel]]
    body: Any

    def handle_input(self, data: dict[str, Any] | None) -> None:
        self.body = inputs.validate(self.model, data)


class VerificationPendingResponse(AuthenticationResponse):
    """The same for every address, so that signing up does not tell who has an account."""

    def _get_flows(self, request: HttpRequest, user: object) -> list[dict[str, Any]]:
        return [*super()._get_flows(request, user), {"id": Flow.VERIFY_EMAIL, "is_pending": True}]


def _signed_out(request: HttpRequest) -> HttpResponse:
    request.user = AnonymousUser()
    return AuthenticationResponse(request)


class SignupView(ModelMixin, APIView):
    model = schemas.SignUp

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            return ConflictResponse(request)
        service.sign_up(**dict(self.body))
        return VerificationPendingResponse(request)


class VerifyEmailView(ModelMixin, APIView):
    model = inputs.Key

    def post(self, request: HttpRequest) -> HttpResponse:
        service.verify_email(token=self.body.key)
        return _signed_out(request)


class ResetPasswordView(ModelMixin, APIView):
    model = inputs.KeyAndPassword

    def post(self, request: HttpRequest) -> HttpResponse:
        service.reset_password(token=self.body.key, password=self.body.password)
        return _signed_out(request)


class ChangePasswordView(ModelMixin, AuthenticatedAPIView):
    model = schemas.PasswordChange

    def post(self, request: HttpRequest) -> HttpResponse:
        account = service.change_password(user=sessions.principal(request), **dict(self.body))
        sessions.keep(request, account)
        return AuthenticationResponse(request)


class ManageTOTPView(mfa.ManageTOTPView):
    input: inputs.ActivateTOTPInput

    def post(self, request: HttpRequest) -> HttpResponse:
        response = super().post(request)
        service.finish_totp_setup(sessions.principal(request).id, step=self.input.step)
        return response

    def delete(self, request: HttpRequest) -> HttpResponse:
        service.require_totp(sessions.principal(request).id)
        return super().delete(request)


class ManageRecoveryCodesView(mfa.ManageRecoveryCodesView):
    def post(self, request: HttpRequest) -> HttpResponse:
        response = super().post(request)
        service.note_recovery_codes(sessions.principal(request).id)
        return response


class PasskeyMixin:
    """Checks a credential before allauth does, which crashes on some and stores any."""

    request: HttpRequest

    def handle_input(self, data: dict[str, Any] | None) -> Any:
        body = inputs.validate(inputs.Passkey, data)
        if body.credential:
            _consume_challenge(self.request.session)
        data = {**(data or {}), **body.model_dump(by_alias=True, exclude_none=True)}
        try:
            return super().handle_input(data)  # type: ignore[misc]  # the view that this mixin is combined with has it
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            detail = "The credential is not a WebAuthn response."
            raise Invalid(
                pointer="/credential", code="invalid_credential", detail=detail
            ) from error


def _consume_challenge(session: SessionBase) -> None:
    """Lock the challenge's session: of several responses at once, only the first finds it."""
    challenge = session.get(STATE_SESSION_KEY)
    kept = DjangoSession.objects.select_for_update().filter(session_key=session.session_key).first()
    if challenge and (kept is None or kept.get_decoded().get(STATE_SESSION_KEY) != challenge):
        raise Unauthenticated("The challenge was answered before.")


class LoginWebAuthnView(PasskeyMixin, mfa.LoginWebAuthnView):
    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        rate = ratelimit.times(settings.rate_limit_sign_in, rules.WIDE_FACTOR)
        ratelimit.enforce("passkey-network", rate, network(context.current().client_ip))
        return super().handle(request, *args, **kwargs)


class AuthenticateWebAuthnView(PasskeyMixin, mfa.AuthenticateWebAuthnView):
    pass


class ReauthenticateWebAuthnView(PasskeyMixin, mfa.ReauthenticateWebAuthnView):
    pass


class ManageWebAuthnView(PasskeyMixin, mfa.ManageWebAuthnView):
    pass


@receiver(authenticator_added)
@receiver(authenticator_removed)
def _note_authenticator(authenticator: Authenticator, signal: object, **_: Any) -> None:
    service.note_authenticator(
        authenticator.user_id, type_=authenticator.type, added=signal is authenticator_added
    )


def _refuse_cross_site(request: HttpRequest) -> None:
    # Every browser sends one of the two headers with a POST: login CSRF is refused as well.
    if {"Origin", "Sec-Fetch-Site"} & set(request.headers) or SESSION_COOKIE in request.COOKIES:
        csrf.refuse_cross_site(
            request.method or "",
            request.headers,
            trusted_origins={settings.public_url, *settings.cors_origins},
        )


# Open during impersonation. Every other view changes or proves who the user is.
_OPEN_WHILE_IMPERSONATING = {ConfigView, SessionView}


def serve(view: type[APIView], client: Client, **attributes: Any) -> View:
    """Run an allauth view in a unit of work, behind the checks that all operations need."""
    inner: Callable[..., HttpResponseBase] = view.as_api_view(client=client, **attributes)

    @wraps(inner)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if client == Client.BROWSER:
            _refuse_cross_site(request)
            if request.user.is_authenticated and view not in _OPEN_WHILE_IMPERSONATING:
                refuse_while_impersonating()
        # allauth's parser crashes on deep nesting and long numbers, and answers 400 without problem
        # details to what is not an object: refused here.
        if request.body and not isinstance(JsonParser().parse_body(request), dict):
            raise Invalid(pointer="", code="dict_type", detail="The body is not an object.")
        response = inner(request, *args, **kwargs)
        # No CSRF token is needed here, so no cookie of it is set.
        request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False
        return response

    served: View = csrf_exempt(in_unit_of_work(guarded))
    return served
