"""Authorisation of views. Every view declares exactly one of these (rule 10):

`@public`, `@current_user` (a signed-in user, without an organization) or `@require(role, ...)`.
They stand above `@input`: a caller without access gets 401 or 403, and not 422.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from uuid import UUID

from flask import Flask, current_app, g, request
from sqlalchemy.orm import Session

from app.core import context
from app.core.db import tenancy
from app.core.errors import Forbidden, NotFound, Unauthenticated
from app.core.security import csrf, ratelimit
from app.core.security.principals import KeyPrincipal, Member, Principal, UserPrincipal
from app.core.security.roles import Role, Scope
from app.core.security.tokens import API_KEY_PREFIX
from app.core.web import idempotency
from app.core.web.http import db
from app.core.web.parameters import Idempotency
from app.settings import settings

SESSION_COOKIE = "__Host-session"


@dataclass(frozen=True, slots=True)
class Authenticators:
    """Functions of the domain modules that authenticate callers and return their role.

    A Flask extension. The first three raise Unauthenticated for invalid credentials.
    """

    by_access_token: Callable[[Session, str], UserPrincipal]
    by_cookie: Callable[[Session, str], UserPrincipal]
    by_api_key: Callable[[Session, str], KeyPrincipal]
    role_of: Callable[[Session, UUID, UUID], Role | None]

    def init_app(self, app: Flask) -> None:
        app.extensions["authenticators"] = self


def _authenticators() -> Authenticators:
    authenticators: Authenticators = current_app.extensions["authenticators"]
    return authenticators


def _authenticate() -> Principal:
    principal = _principal()
    context.current().actor = principal.actor
    if result := ratelimit.hit("principal", settings.rate_limit_principal, principal.key):
        g.rate_limits.append(result)
        if not result.allowed:
            raise result.error()
    g.principal = principal
    return principal


def _principal() -> Principal:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        if token.startswith(API_KEY_PREFIX):
            return _authenticators().by_api_key(db, token)
        return _authenticators().by_access_token(db, token)
    if cookie := request.cookies.get(SESSION_COOKIE):
        csrf.refuse_cross_site(
            request.method,
            request.headers,
            trusted_origins={settings.public_url, *settings.cors_origins},
        )
        return _authenticators().by_cookie(db, cookie)
    raise Unauthenticated("Send an access token or an API key.")


def declared_by(view: Callable[..., object]) -> tuple[object, ...]:
    """Return the access declarations of a view."""
    found: tuple[object, ...] = getattr(view, "access", ())
    return found


def _declare[**P, R](view: Callable[P, R], declaration: object) -> Callable[P, R]:
    view.access = (*declared_by(view), declaration)  # type: ignore[attr-defined]  # our attribute of a function
    return view


def public[**P, R](view: Callable[P, R]) -> Callable[P, R]:
    """Declare that the view needs no credentials."""
    return _declare(view, public)


def current_user[R](view: Callable[..., R]) -> Callable[..., R]:
    """Pass the signed-in user as `user`; Forbidden for an API key."""

    @wraps(view)
    def guarded(**arguments: object) -> R:
        principal = _authenticate()
        if isinstance(principal, KeyPrincipal):
            raise Forbidden("API keys may not do this.")
        tenancy.enter_user(db, principal.id)
        return view(user=principal, **arguments)

    return _declare(guarded, current_user)


@dataclass(frozen=True, slots=True)
class Require:
    """Admits members with at least `role`, and API keys with `scope` (None: no API key)."""

    role: Role
    scope: Scope | None

    def __call__[R](self, view: Callable[..., R]) -> Callable[..., R]:
        """Pass the caller's membership as `member`, instead of `organization_id`."""

        @wraps(view)
        def guarded(*, organization_id: UUID, **arguments: object) -> R:
            return view(member=self._admit(organization_id), **arguments)

        return _declare(guarded, self)

    def _admit(self, organization_id: UUID) -> Member:
        """Set the transaction's tenant and return the caller's membership."""
        principal = _authenticate()
        context.current().organization_id = organization_id
        if isinstance(principal, KeyPrincipal):
            if principal.organization_id != organization_id:
                raise NotFound("organization")
            if self.scope is None or self.scope not in principal.scopes:
                raise Forbidden("The API key may not do this.")
            tenancy.enter_organization(db, organization_id)
            return Member(organization_id, principal, self.role)
        tenancy.enter_organization(db, organization_id)
        role = _authenticators().role_of(db, organization_id, principal.id)
        if role is None:
            # Not 403, which would tell a stranger that the organization exists.
            raise NotFound("organization")
        if not role.includes(self.role):
            raise Forbidden(f"This needs the role {self.role.value}.")
        return Member(organization_id, principal, role)


def require(role: Role, *, scope: Scope | None = None) -> Require:
    """Return the decorator of a view below `/organizations/{organization_id}`."""
    return Require(role, scope)


def idempotent[R](view: Callable[..., R]) -> Callable[..., R]:
    """Run the view once for each `Idempotency-Key`.

    The last decorator, below `@input`: a request that is refused must not claim a key.
    """

    @wraps(view)
    def claiming(*, repeat: Idempotency, **arguments: object) -> R:
        if repeat.idempotency_key is not None:
            g.claim = idempotency.claim(
                repeat.idempotency_key,
                caller=g.principal.key,
                route=f"{request.method} {request.path}",
                body=request.get_data(),
            )
        return view(**arguments)

    return claiming
