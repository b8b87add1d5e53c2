"""allauth's headless API: its paths, steps and answers, with this service's sessions and rules.

The rules of the contract are in `service`, as in every other service of this kind; what allauth
is better at (the steps of a sign-in, passkeys, recovery codes) stays with allauth.
docs/adr/0006-accounts-with-allauth.md has the reasons.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, ClassVar, Literal

from allauth.account.internal.flows import login, reauthentication
from allauth.account.models import Login
from allauth.headless.account.response import RequestPasswordResponse
from allauth.headless.account.views import SessionView
from allauth.headless.base.response import (
    AuthenticationResponse,
    BaseAuthenticationResponse,
    ConflictResponse,
)
from allauth.headless.base.views import (
    APIView,
    AuthenticatedAPIView,
    AuthenticationStageAPIView,
    ConfigView,
)
from allauth.headless.constants import Client, Flow
from allauth.headless.internal import sessionkit
from allauth.headless.mfa import response as mfa_response
from allauth.headless.mfa import views as mfa_views
from allauth.headless.tokens.response import RefreshTokenResponse
from allauth.headless.tokens.strategies.base import AbstractTokenStrategy
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.totp.internal import auth as totp_auth
from allauth.mfa.webauthn.internal.auth import STATE_SESSION_KEY
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session as Store
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from app.accounts import queries, schemas, service, sessions
from app.accounts.adapters import PASSWORD_SEEN
from app.accounts.models import User
from app.core.context import current
from app.core.errors import Invalid, Unauthenticated
from app.core.schemas import Email, Input
from app.core.security import csrf, ratelimit
from app.core.security.client_ip import network
from app.core.security.impersonation import refuse_while_impersonating
from app.core.security.principals import UserPrincipal
from app.core.web import problems
from app.core.web.access import SESSION_COOKIE
from app.core.web.http import JsonParser, View, in_unit_of_work, json_response
from app.settings import settings

_BEARER = "Bearer "
_ISSUED = "_issued_tokens"
_TOTP = Authenticator.Type.TOTP
_WEBAUTHN = Authenticator.Type.WEBAUTHN


class TokenStrategy(AbstractTokenStrategy):
    """The contract's tokens, instead of those that allauth has.

    `X-Session-Token` carries a sign-in from step to step and is worth nothing at its end: then
    the access token is the only credential, and the refresh token gets the next one.
    """

    def get_session_token(self, request: HttpRequest) -> str | None:
        """Read what the client sends."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return _BEARER + token
        sent: str | None = super().get_session_token(request)
        return sent

    def lookup_session(self, session_token: str) -> SessionBase | None:
        """Find Django's session; Unauthenticated for an access token that is not accepted."""
        if not session_token.startswith(_BEARER):
            unfinished = sessionkit.lookup_session(session_token)
            return None if unfinished is None or SESSION_KEY in unfinished else unfinished
        principal = service.authenticate_token(session_token.removeprefix(_BEARER))
        store_key = queries.find_store_key(principal.session_id)
        store = sessionkit.lookup_session(store_key) if store_key else None
        if store is None or sessions.session_id(store) != principal.session_id:
            raise Unauthenticated("The session has ended.")
        return store

    def create_session_token(self, request: HttpRequest) -> str:
        """Name a sign-in that has more steps; nothing at all once it is finished."""
        if SESSION_KEY in request.session:
            return ""
        return sessions.key(request.session)

    def create_access_token_payload(self, request: HttpRequest) -> dict[str, Any] | None:
        """Issue the session's first pair, once: allauth may build several answers."""
        issued: service.Tokens | None = getattr(request, _ISSUED, None)
        if issued is None:
            session_id = sessions.own_session_id(request)
            issued = service.issue_tokens(user_id=_user(request).id, session_id=session_id)
            setattr(request, _ISSUED, issued)
        return schemas.Tokens.model_validate(issued).model_dump()


# What clients send: allauth's names with the contract's constraints.


class LoginInput(Input):
    """The first step of a sign-in."""

    email: Email
    password: schemas.Password


class KeyInput(Input):
    """The token from a mail."""

    key: schemas.Token


class ResetInput(KeyInput):
    """The token from the mail, and the password to set."""

    password: schemas.NewPassword


class CodeInput(Input):
    """A code of the authenticator app, or a recovery code."""

    code: schemas.Code


_Encoded = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+=*$", max_length=16_000)]
_Word = Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,30}$")]


class _Browsers(BaseModel):
    """Named as browsers do. What is not named here is not kept."""

    model_config = ConfigDict(alias_generator=to_camel)


class _Extension(_Browsers):
    rk: bool | None = None


class _Extensions(_Browsers):
    cred_props: _Extension | None = None


class _AuthenticatorResponse(_Browsers):
    client_data_json: Annotated[_Encoded, Field(alias="clientDataJSON")]
    attestation_object: _Encoded | None = None
    transports: Annotated[list[_Word], Field(max_length=10)] | None = None
    authenticator_data: _Encoded | None = None
    signature: _Encoded | None = None
    user_handle: _Encoded | None = None


class _Credential(_Browsers):
    id: _Encoded
    raw_id: _Encoded
    type: Literal["public-key"]
    authenticator_attachment: _Word | None = None
    client_extension_results: _Extensions = Field(default_factory=_Extensions)
    response: _AuthenticatorResponse


class PasskeyInput(_Browsers):
    """What an authenticator answers, and the name that its owner gives it."""

    credential: _Credential | None = None
    name: (
        Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
        | None
    ) = None


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    found: list[dict[str, Any]] = [
        {**item, "loc": ("body", *item["loc"])} for item in error.errors()
    ]
    problem = problems.from_validation(found, request.path)
    return json_response(problem, 422, content_type=problems.MEDIA_TYPE)


class Schema:
    """Makes a view take a Pydantic model instead of a form."""

    schema: ClassVar[type[BaseModel]]
    request: HttpRequest
    body: Any

    def handle_input(self, data: dict[str, Any] | None) -> HttpResponse | None:
        """Check the body of a request."""
        if self.request.method == "DELETE":
            return None
        try:
            self.body = self.schema.model_validate(data or {})
        except ValidationError as error:
            return _invalid(self.request, error)
        return None


class SignedOutResponse(BaseAuthenticationResponse):
    """Done, and nobody is signed in by it."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, user=AnonymousUser(), status=401)


class VerificationPendingResponse(SignedOutResponse):
    """The address must be verified first. It is the same for every address."""

    def _get_flows(self, request: HttpRequest, user: object) -> list[dict[str, Any]]:
        flows: list[dict[str, Any]] = super()._get_flows(request, user)
        return [*flows, {"id": Flow.VERIFY_EMAIL, "is_pending": True}]


@contextmanager
def _named_key() -> Iterator[None]:
    """Call the token by the name that it has in allauth's bodies."""
    try:
        yield
    except Invalid as error:
        (only,) = error.errors
        pointer = "/key" if only.pointer == "/token" else only.pointer
        raise Invalid(pointer=pointer, code=only.code, detail=only.detail) from error


def _user(request: HttpRequest) -> User:
    user = request.user
    assert user.is_authenticated  # noqa: S101 - the view is for signed-in users
    return user


def _principal(request: HttpRequest) -> UserPrincipal:
    user = _user(request)
    session_id = sessions.own_session_id(request)
    return UserPrincipal(id=user.id, email=user.email, session_id=session_id)


class SignupView(Schema, APIView):  # type: ignore[misc]  # no form
    """Begin an account."""

    schema = schemas.SignUp

    def post(self, request: HttpRequest) -> HttpResponse:
        """Answer the same whether or not the address has an account: see the mail."""
        if request.user.is_authenticated:
            return ConflictResponse(request)
        body: schemas.SignUp = self.body
        service.sign_up(email=body.email, password=body.password, name=body.name)
        return VerificationPendingResponse(request)


class VerifyEmailView(Schema, APIView):  # type: ignore[misc]  # no form
    """Finish a sign-up with the token from the mail."""

    schema = KeyInput

    def post(self, request: HttpRequest) -> HttpResponse:
        """Verify the address. It signs nobody in."""
        with _named_key():
            service.verify_email(token=self.body.key)
        return SignedOutResponse(request)


class LoginView(Schema, APIView):  # type: ignore[misc]  # no form
    """Sign in with a password."""

    schema = LoginInput

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take the first step; a second factor is the next where the account has one."""
        if request.user.is_authenticated:
            return ConflictResponse(request)
        body: LoginInput = self.body
        user = service.check_password(email=body.email, password=body.password)
        request.session[PASSWORD_SEEN] = service.fingerprint(user)
        response = login.perform_password_login(
            request, {"email": body.email}, Login(user=user, email=body.email)
        )
        return AuthenticationResponse.from_response(request, response)


class RequestPasswordResetView(Schema, APIView):  # type: ignore[misc]  # no form
    """Ask for a reset."""

    schema = schemas.EmailOnly

    def post(self, request: HttpRequest) -> HttpResponse:
        """Send a mail with a reset token, if the address has an account."""
        service.request_password_reset(email=self.body.email)
        return RequestPasswordResponse(request)


class ResetPasswordView(Schema, APIView):  # type: ignore[misc]  # no form
    """Reset the password."""

    schema = ResetInput

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set a new password with the token from the mail. It ends all sessions, and opens none."""
        with _named_key():
            service.reset_password(token=self.body.key, password=self.body.password)
        return SignedOutResponse(request)


class ChangePasswordView(Schema, AuthenticatedAPIView):  # type: ignore[misc]  # no form
    """Change the password."""

    schema = schemas.PasswordChange

    def post(self, request: HttpRequest) -> HttpResponse:
        """Replace it. Ends all other sessions."""
        body: schemas.PasswordChange = self.body
        account = service.change_password(
            user=_principal(request),
            current_password=body.current_password,
            new_password=body.new_password,
        )
        sessions.keep(request, account)
        return AuthenticationResponse(request)


class ReauthenticateView(Schema, AuthenticatedAPIView):  # type: ignore[misc]  # no form
    """Prove again who one is, before second factors may be changed."""

    schema = schemas.PasswordProof

    def post(self, request: HttpRequest) -> HttpResponse:
        """Prove it with the password."""
        service.confirm_password(_user(request).id, self.body.password, pointer="/password")
        reauthentication.reauthenticate_by_password(request)
        return AuthenticationResponse(request)


class AuthenticateCodeView(Schema, AuthenticationStageAPIView):  # type: ignore[misc]  # no form
    """The second step of a sign-in."""

    schema = CodeInput
    stage_class = AuthenticateStage

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take a code, once."""
        accepted = service.accept_code(self.stage.login.user.pk, self.body.code)
        accepted.user = self.stage.login.user
        post_authentication(request, accepted)
        return self.respond_next_stage()


class ReauthenticateCodeView(Schema, AuthenticatedAPIView):  # type: ignore[misc]  # no form
    """Prove again who one is, with the second factor."""

    schema = CodeInput

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take a code, once."""
        accepted = service.accept_code(_user(request).id, self.body.code)
        accepted.user = _user(request)
        post_authentication(request, accepted, reauthenticated=True)
        return AuthenticationResponse(request)


class ManageTOTPView(Schema, mfa_views.ManageTOTPView):  # type: ignore[misc]  # no form
    """The authenticator app."""

    schema = CodeInput

    def post(self, request: HttpRequest) -> HttpResponse:
        """Turn it on with a first code, which is used up by that."""
        user = _user(request)
        service.refuse_second_totp(user.id)
        reauthentication.raise_if_reauthentication_required(request, app="allauth.mfa")
        made = service.enable_totp(user, secret=totp_auth.get_totp_secret(), code=self.body.code)
        totp_auth.clear_totp_secret(request)
        return mfa_response.TOTPResponse(request, made)

    def delete(self, request: HttpRequest) -> HttpResponse:
        """Turn it off."""
        reauthentication.raise_if_reauthentication_required(request, app="allauth.mfa")
        service.disable_totp(_user(request).id)
        return mfa_response.AuthenticatorDeletedResponse(request)


class ManageRecoveryCodesView(mfa_views.ManageRecoveryCodesView):
    """Recovery codes."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make new ones; the old ones are void."""
        response: HttpResponse = super().post(request)
        service.note_recovery_codes(_user(request).id)
        return response


class Credential:
    """Checks an authenticator's answer before allauth does, which would crash, or keep anything."""

    request: HttpRequest

    def handle_input(self, data: dict[str, Any] | None) -> HttpResponse | None:
        """Check the body of a request."""
        try:
            body = PasskeyInput.model_validate(data or {})
        except ValidationError as error:
            return _invalid(self.request, error)
        if body.credential:
            _take_turns(self.request.session)
        data = {**(data or {}), **body.model_dump(by_alias=True, exclude_none=True)}
        try:
            found: HttpResponse | None = super().handle_input(data)  # type: ignore[misc]  # allauth has no types
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Invalid(
                pointer="/credential",
                code="invalid_credential",
                detail="The credential is not what an authenticator answers.",
            ) from error
        return found


def _take_turns(store: SessionBase) -> None:
    """Of several answers to one challenge at once, let one be the first, and use it up."""
    challenge = store.get(STATE_SESSION_KEY)
    kept = Store.objects.select_for_update().filter(session_key=store.session_key).first()
    if challenge and (kept is None or kept.get_decoded().get(STATE_SESSION_KEY) != challenge):
        raise Unauthenticated("The challenge was answered before.")


class AuthenticateWebAuthnView(Credential, mfa_views.AuthenticateWebAuthnView):  # type: ignore[misc]  # allauth has no types
    """The second step of a sign-in, with a passkey."""


class ReauthenticateWebAuthnView(Credential, mfa_views.ReauthenticateWebAuthnView):  # type: ignore[misc]  # allauth has no types
    """Prove again who one is, with a passkey."""


class ManageWebAuthnView(Credential, mfa_views.ManageWebAuthnView):  # type: ignore[misc]  # allauth has no types
    """Passkeys."""


class LoginWebAuthnView(Credential, mfa_views.LoginWebAuthnView):  # type: ignore[misc]  # allauth has no types
    """Sign in with a passkey."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take the authenticator's answer."""
        # Of a sign-in that was begun with a password and is given up for this one.
        request.session.pop(PASSWORD_SEEN, None)
        return super().post(request)

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Count attempts by network, before any signature is checked."""
        rate = ratelimit.times(settings.rate_limit_sign_in, service.WIDE_FACTOR)
        ratelimit.enforce("passkey-network", rate, network(current().client_ip))
        response: HttpResponseBase = super().handle(request, *args, **kwargs)
        return response


class RefreshTokenView(Schema, APIView):  # type: ignore[misc]  # no form
    """Refresh."""

    schema = schemas.Refresh

    def post(self, request: HttpRequest) -> HttpResponse:
        """Exchange a refresh token for the next pair of tokens."""
        tokens = service.refresh(refresh_token=self.body.refresh_token)
        return RefreshTokenResponse(request, tokens.access_token, tokens.refresh_token)


@receiver(authenticator_added)
@receiver(authenticator_removed)
def _note_passkey(authenticator: Authenticator, signal: object, **_: Any) -> None:
    if authenticator.type == _WEBAUTHN:
        service.note_passkey(authenticator.user_id, added=signal is authenticator_added)


def _refuse_cross_site(request: HttpRequest) -> None:
    """Defend the cookie; and keep other sites from signing their visitor in."""
    # Every browser sends one of the two with a POST; who is none has no cookie to steal.
    if {"Origin", "Sec-Fetch-Site"} & set(request.headers) or SESSION_COOKIE in request.COOKIES:
        csrf.refuse_cross_site(
            request.method or "",
            request.headers,
            trusted_origins={settings.public_url, *settings.cors_origins},
        )


# Who acts as a user may see that, and stop it; all else here proves who somebody is.
_OPEN_TO_STAFF = {ConfigView, SessionView}


def serve(view: type[APIView], client: Client) -> View:
    """Make a view for one kind of client, in the service's unit of work and with its defences."""
    inner: Callable[..., HttpResponseBase] = view.as_api_view(client=client)

    @wraps(inner)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if client == Client.BROWSER:
            _refuse_cross_site(request)
            if request.user.is_authenticated and view not in _OPEN_TO_STAFF:
                refuse_while_impersonating()
        if request.body:
            # What our parser refuses never comes to allauth's, which some of it would crash.
            JsonParser().parse_body(request)
        response = inner(request, *args, **kwargs)
        # allauth hands out a CSRF token, which nothing here asks for.
        request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False
        return response

    served: View = csrf_exempt(in_unit_of_work(guarded))
    return served
