"""Authorisation of routes. Every route declares exactly one of these (rule 10):

`public`, `CurrentUser` (a signed-in user, without an organization) or `require(role, ...)`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import context
from app.core.db import tenancy
from app.core.errors import Forbidden, NotFound, Unauthenticated
from app.core.security import csrf, ratelimit
from app.core.security.principals import KeyPrincipal, Member, Principal, UserPrincipal
from app.core.security.roles import Role, Scope
from app.core.security.tokens import API_KEY_PREFIX
from app.core.web import idempotency
from app.core.web.http import SessionDep
from app.core.web.parameters import IdempotencyKey
from app.settings import settings

SESSION_COOKIE = "__Host-session"


@dataclass(frozen=True, slots=True)
class Authenticators:
    """Functions of the domain modules that authenticate callers and return their role.

    The composition root puts them in `app.state`. The first three raise Unauthenticated for
    invalid credentials.
    """

    by_access_token: Callable[[AsyncSession, str], Awaitable[UserPrincipal]]
    by_cookie: Callable[[AsyncSession, str], Awaitable[UserPrincipal]]
    by_api_key: Callable[[AsyncSession, str], Awaitable[KeyPrincipal]]
    role_of: Callable[[AsyncSession, UUID, UUID], Awaitable[Role | None]]


_bearer = HTTPBearer(auto_error=False, description="An access token, or an API key (`sk_...`)")


async def _principal(
    request: Request,
    session: SessionDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    authenticators: Authenticators = request.app.state.authenticators
    principal: Principal
    if credentials is not None:
        token = credentials.credentials
        if token.startswith(API_KEY_PREFIX):
            principal = await authenticators.by_api_key(session, token)
        else:
            principal = await authenticators.by_access_token(session, token)
    elif cookie := request.cookies.get(SESSION_COOKIE):
        csrf.refuse_cross_site(
            request.method,
            request.headers,
            trusted_origins={settings.public_url, *settings.cors_origins},
        )
        principal = await authenticators.by_cookie(session, cookie)
    else:
        raise Unauthenticated("Send an access token or an API key.")
    context.current().actor = principal.actor
    if result := await ratelimit.hit("principal", settings.rate_limit_principal, principal.key):
        request.state.rate_limits.append(result)
        if not result.allowed:
            raise result.error()
    return principal


async def public() -> None:
    """Declare that the route needs no credentials."""


async def current_user(
    principal: Annotated[Principal, Depends(_principal)], session: SessionDep
) -> UserPrincipal:
    """Return the signed-in user; Forbidden for an API key."""
    if isinstance(principal, KeyPrincipal):
        raise Forbidden("API keys may not do this.")
    await tenancy.enter_user(session, principal.id)
    return principal


CurrentUser = Annotated[UserPrincipal, Depends(current_user)]


@dataclass(frozen=True, slots=True)
class Require:
    """Admits members with at least `role`, and API keys with `scope` (None: no API key)."""

    role: Role
    scope: Scope | None

    async def __call__(
        self,
        organization_id: UUID,
        request: Request,
        session: SessionDep,
        principal: Annotated[Principal, Depends(_principal)],
    ) -> Member:
        """Set the transaction's tenant and return the caller's membership."""
        context.current().organization_id = organization_id
        if isinstance(principal, KeyPrincipal):
            if principal.organization_id != organization_id:
                raise NotFound("organization")
            if self.scope is None or self.scope not in principal.scopes:
                raise Forbidden("The API key may not do this.")
            await tenancy.enter_organization(session, organization_id)
            return Member(organization_id, principal, self.role)
        await tenancy.enter_organization(session, organization_id)
        authenticators: Authenticators = request.app.state.authenticators
        role = await authenticators.role_of(session, organization_id, principal.id)
        if role is None:
            # Not 403, which would tell a stranger that the organization exists.
            raise NotFound("organization")
        if not role.includes(self.role):
            raise Forbidden(f"This needs the role {self.role.value}.")
        return Member(organization_id, principal, role)


def require(role: Role, *, scope: Scope | None = None) -> Require:
    """Return the dependency of a route below `/organizations/{organization_id}`."""
    return Require(role, scope)


async def _idempotent(
    request: Request,
    principal: Annotated[Principal, Depends(_principal)],
    key: IdempotencyKey = None,
) -> None:
    if key is not None:
        request.state.idempotency_claim = await idempotency.claim(
            key,
            caller=principal.key,
            route=f"{request.method} {request.url.path}",
            body=await request.body(),
        )


# The last parameter of a route: a request that is refused must not claim a key.
Idempotent = Annotated[None, Depends(_idempotent)]
