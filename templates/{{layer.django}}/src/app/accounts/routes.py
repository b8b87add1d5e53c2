"""Routes of accounts below `/api/v1`; allauth's operations are in `urls`."""

from typing import Annotated
from uuid import UUID

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from ninja import Query, Router
from pydantic import BaseModel, Field

from app.accounts import queries, rules, schemas, service, sessions
from app.accounts.schemas import Transport
from app.core.errors import Unauthenticated
from app.core.security import access_tokens, oidc
from app.core.security.impersonation import refuse_while_impersonating
from app.core.web.access import SESSION_COOKIE, UserRequest, current_user, public
from app.core.web.http import empty_response, json_response
from app.core.web.openapi_responses import empty_answer, problem_responses
from app.core.web.parameters import IfMatch, PageQuery
from app.settings import settings

router = Router(tags=["accounts"])
well_known = Router(tags=["accounts"])

OIDC_COOKIE = "__Host-oidc"
_IN_COOKIE = {"description": "Signed in; the session is in the cookie"}


class TransportQuery(BaseModel):
    """How the client wants its session."""

    transport: Annotated[
        Transport,
        Field(description="`cookie` sets an HttpOnly cookie, which scripts cannot read"),
    ] = "token"


class CallbackQuery(BaseModel):
    """What a provider sends the browser back with."""

    code: Annotated[str | None, Field(max_length=4000)] = None
    state: Annotated[str | None, Field(max_length=200)] = None
    iss: Annotated[str | None, Field(max_length=2000)] = None


@router.post("/auth/verify-email/resend", auth=public, response={202: schemas.Accepted})
def resend_verification(request: HttpRequest, body: schemas.EmailOnly) -> schemas.Accepted:
    """Send the verification mail again, if the address has an unverified account."""
    service.request_verification(email=body.email)
    return schemas.Accepted()


@router.get("/auth/sessions", auth=current_user, response=schemas.SessionPage)
def list_sessions(request: UserRequest, query: Query[PageQuery]) -> schemas.SessionPage:
    """List the caller's sessions, newest first."""
    refuse_while_impersonating()
    items, next_cursor = queries.list_sessions(
        user_id=request.auth.id, limit=query.limit, cursor=query.cursor
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
                current=item.id == request.auth.session_id,
            )
            for item in items
        ],
        next_cursor=next_cursor,
    )


@router.delete(
    "/auth/sessions/{uuid:session_id}",
    auth=current_user,
    response={204: None},
    openapi_extra={"responses": empty_answer()},
)
def end_session(request: UserRequest, session_id: UUID) -> HttpResponse:
    """End one of the caller's sessions at once."""
    refuse_while_impersonating()
    service.end_session(user_id=request.auth.id, session_id=session_id)
    return empty_response()


@router.get(
    "/auth/oidc/{provider}",
    auth=public,
    response={302: None},
    openapi_extra={"responses": empty_answer(302)},
)
def begin_oidc(request: HttpRequest, provider: str, query: Query[TransportQuery]) -> HttpResponse:
    """Send the browser to an OpenID Connect provider."""
    url, flow = oidc.begin(provider, transport=query.transport)
    response = HttpResponseRedirect(url)
    response.set_cookie(
        OIDC_COOKIE,
        flow.seal(),
        max_age=oidc.LIFETIME_SECONDS,
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    return response


@router.get(
    "/auth/oidc/{provider}/callback",
    auth=public,
    response=schemas.Tokens,
    openapi_extra={"responses": {302: _IN_COOKIE, **problem_responses(401, 403, 409)}},
)
def finish_oidc(request: HttpRequest, provider: str, query: Query[CallbackQuery]) -> HttpResponse:
    """Finish a sign-in with a provider.

    With tokens, or with a cookie and a redirect to the app.
    """
    flow = oidc.open_flow(request.COOKIES.get(OIDC_COOKIE), provider=provider, state=query.state)
    if query.code is None:
        raise Unauthenticated("The provider did not sign you in.")
    identity = oidc.finish(flow, code=query.code, issuer=query.iss)
    user = service.find_provider_user(identity=identity)
    response: HttpResponse
    if flow.transport == "cookie":
        login(request, user, backend=sessions.BACKEND)
        response = HttpResponseRedirect(settings.app_url)
    else:
        session_id = sessions.open_with_tokens(user, method=identity.issuer)
        tokens = service.issue_tokens(user_id=user.id, session_id=session_id)
        body = schemas.Tokens.model_validate(tokens).model_dump()
        response = json_response(body, headers={"Cache-Control": "no-store"})
    response.delete_cookie(OIDC_COOKIE, samesite="Lax")
    return response


@router.get("/me", auth=current_user, response=schemas.Me)
def get_me(request: UserRequest, response: HttpResponse) -> schemas.Me:
    """Read the caller's account."""
    me = queries.view_me(request.auth.id)
    response.headers["ETag"] = rules.me_etag(me)
    return me


@router.patch(
    "/me",
    auth=current_user,
    response=schemas.Me,
)
def update_me(
    request: UserRequest, response: HttpResponse, body: schemas.MeUpdate, if_match: IfMatch = None
) -> schemas.Me:
    """Change the caller's name."""
    me = service.update_me(user_id=request.auth.id, name=body.name, if_match=if_match)
    response.headers["ETag"] = rules.me_etag(me)
    return me


@router.delete(
    "/me",
    auth=current_user,
    response={204: None},
    openapi_extra={"responses": {**empty_answer(), **problem_responses(409)}},
)
def delete_me(
    request: UserRequest, body: schemas.PasswordProof, if_match: IfMatch = None
) -> HttpResponse:
    """Delete the caller's account.

    Refused while an organization has no other owner.
    """
    service.delete_me(user_id=request.auth.id, password=body.password, if_match=if_match)
    response = empty_response()
    response.delete_cookie(SESSION_COOKIE, samesite="Lax")
    return response


@well_known.get("/jwks.json", auth=public, response=schemas.JwkSet)
def get_jwks(request: HttpRequest, response: HttpResponse) -> schemas.JwkSet:
    """Publish the keys that verify access tokens."""
    # Shorter than the time a key is published before it signs, so that caches have every key.
    response.headers["Cache-Control"] = "public, max-age=300"
    return schemas.JwkSet.model_validate(access_tokens.jwks())
