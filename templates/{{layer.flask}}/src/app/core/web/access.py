"""Who may call a view. Every view declares exactly one of these, first of all (rule 10):

`@public`, `@current_user` (a signed-in person, in whatever organization) or `@require(role, ...)`.
They stand above `@input`: who may not call a view is told so, whatever else is wrong.
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
    """What the domain knows about callers; the composition root hands it over.

    Each function raises Unauthenticated when it does not accept what it is given.
    """

    by_access_token: Callable[[Session, str], UserPrincipal]
    by_cookie: Callable[[Session, str], UserPrincipal]
    by_api_key: Callable[[Session, str], KeyPrincipal]
    role_of: Callable[[Session, UUID, UUID], Role | None]

    def init_app(self, app: Flask) -> None:
        """Serve an application."""
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
    """Tell which of the declarations a view has."""
    found: tuple[object, ...] = getattr(view, "access", ())
    return found


def _declare[**P, R](view: Callable[P, R], declaration: object) -> Callable[P, R]:
    view.access = (*declared_by(view), declaration)  # type: ignore[attr-defined]  # our attribute
    return view


def public[**P, R](view: Callable[P, R]) -> Callable[P, R]:
    """Let anyone call the view."""
    return _declare(view, public)


def current_user[R](view: Callable[..., R]) -> Callable[..., R]:
    """Admit a signed-in user, and no API key; the view gets `user`."""

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
    """Admit members with at least `role`, and API keys with `scope` (None: no key at all)."""

    role: Role
    scope: Scope | None

    def __call__[R](self, view: Callable[..., R]) -> Callable[..., R]:
        """Guard a view below `/organizations/{organization_id}`; it gets `member` instead."""

        @wraps(view)
        def guarded(*, organization_id: UUID, **arguments: object) -> R:
            return view(member=self._admit(organization_id), **arguments)

        return _declare(guarded, self)

    def _admit(self, organization_id: UUID) -> Member:
        """Open the transaction to the organization and return the caller's place in it."""
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
            # Not 403: a stranger must not learn that the organization exists.
            raise NotFound("organization")
        if not role.includes(self.role):
            raise Forbidden(f"This needs the role {self.role.value}.")
        return Member(organization_id, principal, role)


def require(role: Role, *, scope: Scope | None = None) -> Require:
    """Admit members of the organization that the path names."""
    return Require(role, scope)


def idempotent[R](view: Callable[..., R]) -> Callable[..., R]:
    """Run the view once for each `Idempotency-Key`.

    It stands last, below `@input`: a request that is refused must not claim a key.
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
