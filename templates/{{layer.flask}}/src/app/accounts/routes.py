"""HTTP of accounts."""

from typing import Annotated
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app, request
from pydantic import BaseModel, Field

from app.accounts import queries, rules, schemas, service
from app.accounts.schemas import Transport
from app.core.errors import Unauthenticated
from app.core.security import access_tokens, csrf, oidc
from app.core.security.principals import UserPrincipal
from app.core.web.access import SESSION_COOKIE, current_user, idempotent, public
from app.core.web.http import db, empty_response, json_response
from app.core.web.openapi_responses import empty_answer, problem_responses
from app.core.web.parameters import Idempotency, PageQuery, Precondition
from app.settings import settings

blueprint = APIBlueprint("accounts", __name__, tag="accounts")
well_known = APIBlueprint("well_known", __name__, url_prefix="/.well-known", tag="accounts")

OIDC_COOKIE = "__Host-oidc"
_IN_COOKIE = {"description": "Signed in; the session is in the cookie"}


class TransportQuery(BaseModel):
    transport: Annotated[
        Transport,
        Field(description="`cookie` sets an HttpOnly cookie, which scripts cannot read"),
    ] = "token"


class CallbackQuery(BaseModel):
    """Parameters of the provider's redirect; `iss` is of RFC 9207."""

    code: Annotated[str | None, Field(max_length=4000)] = None
    state: Annotated[str | None, Field(max_length=200)] = None
    iss: Annotated[str | None, Field(max_length=2000)] = None


def _session_response(credentials: rules.Tokens | service.Cookie) -> Response:
    """Return the credentials of a new session, in the body or in a cookie."""
    if isinstance(credentials, service.Cookie):
        response = empty_response()
        _set_cookie(response, SESSION_COOKIE, credentials.value, credentials.max_age)
        return response
    tokens = schemas.Tokens.model_validate(credentials, from_attributes=True)
    response = json_response(tokens.model_dump())
    response.headers["Cache-Control"] = "no-store"
    return response


def _set_cookie(response: Response, name: str, value: str, max_age: int) -> None:
    response.set_cookie(
        name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="Lax"
    )


def _delete_cookie(response: Response, name: str) -> Response:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")
    return response


def _refuse_cross_site() -> None:
    """Refuse requests from other sites, which could sign the user in to another account."""
    # Browsers send one of these with every POST. Other clients are not subject to login CSRF.
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        csrf.refuse_cross_site(
            request.method,
            request.headers,
            trusted_origins={settings.public_url, *settings.cors_origins},
        )


@blueprint.post("/auth/sign-up")
@public
@blueprint.input(schemas.SignUp, arg_name="body")
@blueprint.output(schemas.Accepted, status_code=202)
def sign_up(body: schemas.SignUp) -> schemas.Accepted:
    """Create an account.

    The response does not tell whether the address has one; the mail does.
    """
    service.sign_up(db, email=body.email, password=body.password, name=body.name)
    return schemas.Accepted()


@blueprint.post("/auth/verify-email")
@public
@blueprint.input(schemas.VerifyEmail, arg_name="body")
@blueprint.doc(responses=empty_answer())
def verify_email(body: schemas.VerifyEmail) -> Response:
    """Finish a sign-up with the token from the mail.

    It works once.
    """
    service.verify_email(db, token=body.token)
    return empty_response()


@blueprint.post("/auth/verify-email/resend")
@public
@blueprint.input(schemas.EmailOnly, arg_name="body")
@blueprint.output(schemas.Accepted, status_code=202)
def resend_verification(body: schemas.EmailOnly) -> schemas.Accepted:
    """Send the verification mail again, if the address has an unverified account."""
    service.request_verification(db, email=body.email)
    return schemas.Accepted()


@blueprint.post("/auth/sign-in")
@public
@blueprint.input(TransportQuery, location="query", arg_name="query")
@blueprint.input(schemas.SignIn, arg_name="body")
@blueprint.output(schemas.Tokens)
@blueprint.doc(responses={204: _IN_COOKIE, **problem_responses(401, 403)})
def sign_in(query: TransportQuery, body: schemas.SignIn) -> Response:
    """Sign in.

    200 has the tokens; with `transport=cookie` it is 204, and the session is in the cookie.
    401 with `/problems/mfa-required` asks for a code as well.
    """
    if query.transport == "cookie":
        _refuse_cross_site()
    return _session_response(
        service.sign_in(
            db,
            email=body.email,
            password=body.password,
            totp_code=body.totp_code,
            recovery_code=body.recovery_code,
            transport=query.transport,
        )
    )


@blueprint.post("/auth/refresh")
@public
@blueprint.input(schemas.Refresh, arg_name="body")
@blueprint.output(schemas.Tokens)
@blueprint.doc(responses=problem_responses(401))
def refresh(body: schemas.Refresh) -> schemas.Tokens:
    """Exchange a refresh token for the next pair of tokens."""
    tokens = service.refresh(db, refresh_token=body.refresh_token)
    return schemas.Tokens.model_validate(tokens)


@blueprint.post("/auth/sign-out")
@current_user
@blueprint.doc(responses=empty_answer())
def sign_out(user: UserPrincipal) -> Response:
    """End this session."""
    service.end_session(db, user_id=user.id, session_id=user.session_id)
    return _delete_cookie(empty_response(), SESSION_COOKIE)


@blueprint.get("/auth/sessions")
@current_user
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(schemas.SessionPage)
def list_sessions(user: UserPrincipal, query: PageQuery) -> schemas.SessionPage:
    """List the caller's sessions, newest first."""
    items, next_cursor = queries.list_sessions(
        db, user_id=user.id, limit=query.limit, cursor=query.cursor
    )
    return schemas.SessionPage(
        items=[
            schemas.Session(
                id=item.id,
                user_agent=item.user_agent,
                ip=item.ip,
                created_at=item.created_at,
                last_used_at=item.last_used_at,
                expires_at=item.expires_at,
                current=item.id == user.session_id,
            )
            for item in items
        ],
        next_cursor=next_cursor,
    )


@blueprint.delete("/auth/sessions/<uuid:session_id>")
@current_user
@blueprint.doc(responses=empty_answer())
def end_session(session_id: UUID, user: UserPrincipal) -> Response:
    """End one of the caller's sessions at once."""
    service.end_session(db, user_id=user.id, session_id=session_id)
    return empty_response()


@blueprint.post("/auth/password/forgot")
@public
@blueprint.input(schemas.EmailOnly, arg_name="body")
@blueprint.output(schemas.Accepted, status_code=202)
def forgot_password(body: schemas.EmailOnly) -> schemas.Accepted:
    """Send a mail with a reset token, if the address has an account."""
    service.request_password_reset(db, email=body.email)
    return schemas.Accepted()


@blueprint.post("/auth/password/reset")
@public
@blueprint.input(schemas.PasswordReset, arg_name="body")
@blueprint.doc(responses=empty_answer())
def reset_password(body: schemas.PasswordReset) -> Response:
    """Set a new password with the token from the mail.

    Ends all sessions, and opens none.
    """
    service.reset_password(db, token=body.token, password=body.password)
    return empty_response()


@blueprint.post("/auth/password/change")
@current_user
@blueprint.input(schemas.PasswordChange, arg_name="body")
@blueprint.doc(responses=empty_answer())
def change_password(user: UserPrincipal, body: schemas.PasswordChange) -> Response:
    """Replace the password.

    Ends all other sessions.
    """
    service.change_password(
        db,
        user=user,
        current_password=body.current_password,
        new_password=body.new_password,
    )
    return empty_response()


@blueprint.post("/auth/totp")
@current_user
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.output(schemas.TotpSetup, status_code=201)
@blueprint.doc(responses=problem_responses(409))
@idempotent
def begin_totp(user: UserPrincipal) -> schemas.TotpSetup:
    """Set up a second factor.

    It takes effect once it is confirmed.
    """
    secret, uri = service.begin_totp(db, user_id=user.id)
    return schemas.TotpSetup(secret=secret, otpauth_uri=uri)


@blueprint.post("/auth/totp/confirm")
@current_user
@blueprint.input(Idempotency, location="headers", arg_name="repeat")
@blueprint.input(schemas.TotpConfirm, arg_name="body")
@blueprint.output(schemas.RecoveryCodes)
@blueprint.doc(responses=problem_responses(409))
@idempotent
def confirm_totp(user: UserPrincipal, body: schemas.TotpConfirm) -> schemas.RecoveryCodes:
    """Enable the second factor.

    Only this response contains the recovery codes.
    """
    codes = service.confirm_totp(db, user_id=user.id, code=body.code)
    return schemas.RecoveryCodes(recovery_codes=codes)


@blueprint.delete("/auth/totp")
@current_user
@blueprint.input(schemas.PasswordProof, arg_name="body")
@blueprint.doc(responses={**empty_answer(), **problem_responses(409)})
def disable_totp(user: UserPrincipal, body: schemas.PasswordProof) -> Response:
    """Remove the second factor."""
    service.disable_totp(db, user_id=user.id, password=body.password)
    return empty_response()


@blueprint.get("/auth/oidc/<provider>")
@public
@blueprint.input(TransportQuery, location="query", arg_name="query")
@blueprint.doc(responses=empty_answer(302))
def begin_oidc(provider: str, query: TransportQuery) -> Response:
    """Send the browser to an OpenID Connect provider."""
    url, flow = oidc.begin(provider, transport=query.transport)
    response = _redirect(url)
    _set_cookie(response, OIDC_COOKIE, flow.seal(), oidc.LIFETIME_SECONDS)
    return response


def _redirect(url: str) -> Response:
    return current_app.response_class(status=302, headers={"Location": url})


@blueprint.get("/auth/oidc/<provider>/callback")
@public
@blueprint.input(CallbackQuery, location="query", arg_name="query")
@blueprint.output(schemas.Tokens)
@blueprint.doc(responses={302: _IN_COOKIE, **problem_responses(401, 403, 409)})
def finish_oidc(provider: str, query: CallbackQuery) -> Response:
    """Finish a sign-in with a provider.

    With tokens, or with a cookie and a redirect to the app.
    """
    flow = oidc.open_flow(request.cookies.get(OIDC_COOKIE), provider=provider, state=query.state)
    if query.code is None:
        raise Unauthenticated("The provider did not sign you in.")
    identity = oidc.finish(flow, code=query.code, issuer=query.iss)
    credentials = service.sign_in_with_provider(db, identity=identity, transport=flow.transport)
    if isinstance(credentials, service.Cookie):
        response = _redirect(settings.app_url)
        _set_cookie(response, SESSION_COOKIE, credentials.value, credentials.max_age)
    else:
        response = _session_response(credentials)
    return _delete_cookie(response, OIDC_COOKIE)


@blueprint.get("/me")
@current_user
@blueprint.output(schemas.Me)
def get_me(user: UserPrincipal) -> tuple[schemas.Me, dict[str, str]]:
    """Read the caller's account."""
    me = queries.view_me(queries.get_user(db, user.id))
    return me, {"ETag": rules.me_etag(me)}


@blueprint.patch("/me")
@current_user
@blueprint.input(Precondition, location="headers", arg_name="precondition")
@blueprint.input(schemas.MeUpdate, arg_name="body")
@blueprint.output(schemas.Me)
def update_me(
    user: UserPrincipal, precondition: Precondition, body: schemas.MeUpdate
) -> tuple[schemas.Me, dict[str, str]]:
    """Change the caller's name."""
    me = service.update_me(db, user_id=user.id, name=body.name, if_match=precondition.if_match)
    return me, {"ETag": rules.me_etag(me)}


@blueprint.delete("/me")
@current_user
@blueprint.input(Precondition, location="headers", arg_name="precondition")
@blueprint.input(schemas.PasswordProof, arg_name="body")
@blueprint.doc(responses={**empty_answer(), **problem_responses(409)})
def delete_me(
    user: UserPrincipal, precondition: Precondition, body: schemas.PasswordProof
) -> Response:
    """Delete the caller's account.

    Refused while an organization has no other owner.
    """
    service.delete_me(db, user_id=user.id, password=body.password, if_match=precondition.if_match)
    return _delete_cookie(empty_response(), SESSION_COOKIE)


@well_known.get("/jwks.json")
@public
@well_known.output(schemas.JwkSet)
def get_jwks() -> tuple[schemas.JwkSet, dict[str, str]]:
    """Publish the keys that verify access tokens."""
    # Shorter than the time for which a key is published before it signs: no cache lacks it then.
    return schemas.JwkSet.model_validate(access_tokens.jwks()), {
        "Cache-Control": "public, max-age=300"
    }
