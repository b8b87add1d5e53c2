"""HTTP of accounts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.accounts import queries, rules, schemas, service
from app.accounts.schemas import Transport
from app.core.errors import Unauthenticated
from app.core.security import access_tokens, csrf, oidc
from app.core.web.access import SESSION_COOKIE, CurrentUser, Idempotent, public
from app.core.web.http import IfMatch, SessionDep, UnitOfWorkRoute, set_etag
from app.core.web.openapi_responses import problem_responses
from app.core.web.parameters import Cursor, Limit
from app.settings import settings

router = APIRouter(route_class=UnitOfWorkRoute, tags=["accounts"])
well_known_router = APIRouter(route_class=UnitOfWorkRoute, tags=["accounts"])

OIDC_COOKIE = "__Host-oidc"
Public = Depends(public)

TransportQuery = Annotated[
    Transport,
    Query(description="`cookie` sets an HttpOnly cookie, which scripts cannot read"),
]
_IN_COOKIE = {"description": "Signed in; the session is in the cookie"}


def _session_response(credentials: rules.Tokens | service.Cookie) -> Response:
    """Return the credentials of a new session, in the body or in a cookie."""
    if isinstance(credentials, service.Cookie):
        response = Response(status_code=204)
        _set_session_cookie(response, credentials)
        return response
    tokens = schemas.Tokens.model_validate(credentials, from_attributes=True)
    # For `finish_oidc`, a GET, whose responses get another policy by default.
    headers = {"Cache-Control": "no-store"}
    return Response(tokens.model_dump_json(), headers=headers, media_type="application/json")


def _set_session_cookie(response: Response, cookie: service.Cookie) -> None:
    response.set_cookie(
        SESSION_COOKIE,
        cookie.value,
        max_age=cookie.max_age,
        secure=True,
        httponly=True,
        samesite="lax",
    )


def _refuse_cross_site(request: Request) -> None:
    """Refuse requests from other sites, which could sign the user in to another account."""
    # Browsers send one of these with every POST. Other clients are not subject to login CSRF.
    if {"origin", "sec-fetch-site"} & set(request.headers):
        csrf.refuse_cross_site(
            request.method,
            request.headers,
            trusted_origins={settings.public_url, *settings.cors_origins},
        )


@router.post("/auth/sign-up", status_code=202, dependencies=[Public])
async def sign_up(body: schemas.SignUp, session: SessionDep) -> schemas.Accepted:
    """Create an account.

    The response does not tell whether the address has one; the mail does.
    """
    await service.sign_up(session, email=body.email, password=body.password, name=body.name)
    return schemas.Accepted()


@router.post("/auth/verify-email", status_code=204, dependencies=[Public])
async def verify_email(body: schemas.VerifyEmail, session: SessionDep) -> None:
    """Finish a sign-up with the token from the mail.

    It works once.
    """
    await service.verify_email(session, token=body.token)


@router.post("/auth/verify-email/resend", status_code=202, dependencies=[Public])
async def resend_verification(body: schemas.EmailOnly, session: SessionDep) -> schemas.Accepted:
    """Send the verification mail again, if the address has an unverified account."""
    await service.request_verification(session, email=body.email)
    return schemas.Accepted()


@router.post(
    "/auth/sign-in",
    response_model=schemas.Tokens,
    responses={204: _IN_COOKIE, **problem_responses(401, 403)},
    dependencies=[Public],
)
async def sign_in(
    body: schemas.SignIn,
    request: Request,
    session: SessionDep,
    transport: TransportQuery = "token",
) -> Response:
    """Sign in.

    200 has the tokens; with `transport=cookie` it is 204, and the session is in the cookie.
    401 with `/problems/mfa-required` asks for a code as well.
    """
    if transport == "cookie":
        _refuse_cross_site(request)
    return _session_response(
        await service.sign_in(
            session,
            email=body.email,
            password=body.password,
            totp_code=body.totp_code,
            recovery_code=body.recovery_code,
            transport=transport,
        )
    )


@router.post(
    "/auth/refresh",
    responses=problem_responses(401),
    dependencies=[Public],
)
async def refresh(body: schemas.Refresh, session: SessionDep) -> schemas.Tokens:
    """Exchange a refresh token for the next pair of tokens."""
    tokens = await service.refresh(session, refresh_token=body.refresh_token)
    return schemas.Tokens.model_validate(tokens)


@router.post("/auth/sign-out", status_code=204)
async def sign_out(user: CurrentUser, session: SessionDep, response: Response) -> None:
    """End this session."""
    await service.end_session(session, user_id=user.id, session_id=user.session_id)
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="lax")


@router.get("/auth/sessions")
async def list_sessions(
    user: CurrentUser, session: SessionDep, limit: Limit = 20, cursor: Cursor = None
) -> schemas.SessionPage:
    """List the caller's sessions, newest first."""
    items, next_cursor = await queries.list_sessions(
        session, user_id=user.id, limit=limit, cursor=cursor
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


@router.delete("/auth/sessions/{session_id}", status_code=204)
async def end_session(session_id: UUID, user: CurrentUser, session: SessionDep) -> None:
    """End one of the caller's sessions at once."""
    await service.end_session(session, user_id=user.id, session_id=session_id)


@router.post("/auth/password/forgot", status_code=202, dependencies=[Public])
async def forgot_password(body: schemas.EmailOnly, session: SessionDep) -> schemas.Accepted:
    """Send a mail with a reset token, if the address has an account."""
    await service.request_password_reset(session, email=body.email)
    return schemas.Accepted()


@router.post("/auth/password/reset", status_code=204, dependencies=[Public])
async def reset_password(body: schemas.PasswordReset, session: SessionDep) -> None:
    """Set a new password with the token from the mail.

    Ends all sessions, and opens none.
    """
    await service.reset_password(session, token=body.token, password=body.password)


@router.post("/auth/password/change", status_code=204)
async def change_password(
    body: schemas.PasswordChange, user: CurrentUser, session: SessionDep
) -> None:
    """Replace the password.

    Ends all other sessions.
    """
    await service.change_password(
        session,
        user=user,
        current_password=body.current_password,
        new_password=body.new_password,
    )


@router.post("/auth/totp", status_code=201, responses=problem_responses(409))
async def begin_totp(user: CurrentUser, session: SessionDep, _: Idempotent) -> schemas.TotpSetup:
    """Set up a second factor.

    It takes effect once it is confirmed.
    """
    secret, uri = await service.begin_totp(session, user_id=user.id)
    return schemas.TotpSetup(secret=secret, otpauth_uri=uri)


@router.post("/auth/totp/confirm", responses=problem_responses(409))
async def confirm_totp(
    body: schemas.TotpConfirm, user: CurrentUser, session: SessionDep, _: Idempotent
) -> schemas.RecoveryCodes:
    """Enable the second factor.

    Only this response contains the recovery codes.
    """
    codes = await service.confirm_totp(session, user_id=user.id, code=body.code)
    return schemas.RecoveryCodes(recovery_codes=codes)


@router.delete("/auth/totp", status_code=204, responses=problem_responses(409))
async def disable_totp(body: schemas.PasswordProof, user: CurrentUser, session: SessionDep) -> None:
    """Remove the second factor."""
    await service.disable_totp(session, user_id=user.id, password=body.password)


@router.get(
    "/auth/oidc/{provider}",
    status_code=302,
    response_class=RedirectResponse,
    dependencies=[Public],
)
async def begin_oidc(provider: str, transport: TransportQuery = "token") -> Response:
    """Send the browser to an OpenID Connect provider."""
    url, flow = await oidc.begin(provider, transport=transport)
    response = RedirectResponse(url, 302)
    response.set_cookie(
        OIDC_COOKIE,
        flow.seal(),
        max_age=oidc.LIFETIME_SECONDS,
        secure=True,
        httponly=True,
        samesite="lax",
    )
    return response


@router.get(
    "/auth/oidc/{provider}/callback",
    response_model=schemas.Tokens,
    responses={302: _IN_COOKIE, **problem_responses(401, 403, 409)},
    dependencies=[Public],
)
async def finish_oidc(
    provider: str,
    request: Request,
    session: SessionDep,
    code: Annotated[str | None, Query(max_length=4000)] = None,
    state: Annotated[str | None, Query(max_length=200)] = None,
    iss: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Finish a sign-in with a provider.

    With tokens, or with a cookie and a redirect to the app.
    """
    flow = oidc.open_flow(request.cookies.get(OIDC_COOKIE), provider=provider, state=state)
    if code is None:
        raise Unauthenticated("The provider did not sign you in.")
    identity = await oidc.finish(flow, code=code, issuer=iss)
    credentials = await service.sign_in_with_provider(
        session, identity=identity, transport=flow.transport
    )
    if isinstance(credentials, service.Cookie):
        response: Response = RedirectResponse(settings.app_url, 302)
        _set_session_cookie(response, credentials)
    else:
        response = _session_response(credentials)
    response.delete_cookie(OIDC_COOKIE, secure=True, httponly=True, samesite="lax")
    return response


@router.get("/me")
async def get_me(user: CurrentUser, session: SessionDep, response: Response) -> schemas.Me:
    """Read the caller's account."""
    me = queries.view_me(await queries.get_user(session, user.id))
    set_etag(response, rules.me_etag(me))
    return me


@router.patch("/me")
async def update_me(
    body: schemas.MeUpdate,
    user: CurrentUser,
    session: SessionDep,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.Me:
    """Change the caller's name."""
    me = await service.update_me(session, user_id=user.id, name=body.name, if_match=if_match)
    set_etag(response, rules.me_etag(me))
    return me


@router.delete("/me", status_code=204, responses=problem_responses(409))
async def delete_me(
    body: schemas.PasswordProof,
    user: CurrentUser,
    session: SessionDep,
    response: Response,
    if_match: IfMatch = None,
) -> None:
    """Delete the caller's account.

    Refused while an organization has no other owner.
    """
    await service.delete_me(session, user_id=user.id, password=body.password, if_match=if_match)
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="lax")


@well_known_router.get("/.well-known/jwks.json", dependencies=[Public])
async def get_jwks(response: Response) -> schemas.JwkSet:
    """Publish the keys that verify access tokens."""
    # Shorter than the time for which a key is published before it signs: no cache lacks it then.
    response.headers["Cache-Control"] = "public, max-age=300"
    return schemas.JwkSet.model_validate(access_tokens.jwks())
