"""Authorisation of routes. Every route has exactly one of these as its `auth` (rule 10):

`public`, `current_user` (any signed-in user) or `require(role, ...)` (members of the organization).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest

from app.core import context
from app.core.db import tenancy
from app.core.errors import Forbidden, NotFound, Unauthenticated
from app.core.security import csrf, ratelimit
from app.core.security.principals import KeyPrincipal, Member, Principal, UserPrincipal
from app.core.security.roles import Role, Scope
from app.core.security.tokens import API_KEY_PREFIX
from app.core.web import idempotency
from app.settings import settings

SESSION_COOKIE = "__Host-session"


class UserRequest(HttpRequest):
    """A request of a signed-in user."""

    auth: UserPrincipal


class MemberRequest(HttpRequest):
    """A request of a member of the organization in its path."""

    auth: Member


@dataclass(frozen=True, slots=True)
class Authenticators:
    """Functions of the domain that authenticate a caller, installed by `app.config.api`.

    Each raises Unauthenticated for invalid credentials.
    """

    by_access_token: Callable[[str], UserPrincipal]
    by_cookie: Callable[[str], UserPrincipal]
    by_api_key: Callable[[str], KeyPrincipal]
    role_of: Callable[[UUID, UUID], Role | None]


_authenticators: Authenticators


def install(authenticators: Authenticators) -> None:
    global _authenticators  # noqa: PLW0603 - one for each process, set by `config.api`
    _authenticators = authenticators


class _Authenticated:
    def __call__(self, request: HttpRequest) -> Any:
        principal = _principal(request)
        context.current().actor = principal.actor
        if result := ratelimit.hit("principal", settings.rate_limit_principal, principal.key):
            request.rate_limits.append(result)  # type: ignore[attr-defined]  # our attribute
            if not result.allowed:
                raise result.error()
        request.principal = principal  # type: ignore[attr-defined]  # our attribute
        return self.admit(request, principal)

    def admit(self, request: HttpRequest, principal: Principal) -> Any:
        """Return the value of `request.auth`; Forbidden or NotFound when it is not allowed."""
        raise NotImplementedError


def _principal(request: HttpRequest) -> Principal:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        if token.startswith(API_KEY_PREFIX):
            return _authenticators.by_api_key(token)
        return _authenticators.by_access_token(token)
    if cookie := request.COOKIES.get(SESSION_COOKIE):
        csrf.refuse_cross_site(
            request.method or "",
            request.headers,
            trusted_origins={settings.public_url, *settings.cors_origins},
        )
        return _authenticators.by_cookie(cookie)
    raise Unauthenticated("Send an access token or an API key.")


def public(request: HttpRequest) -> bool:
    """Allow everyone."""
    return True


class _CurrentUser(_Authenticated):
    """Admits signed-in users, and no API keys."""

    def admit(self, request: HttpRequest, principal: Principal) -> UserPrincipal:
        if isinstance(principal, KeyPrincipal):
            raise Forbidden("API keys may not do this.")
        tenancy.enter_user(principal.id)
        return principal


class Require(_Authenticated):
    """Admits members with at least `role`, and API keys with `scope` (None: no key at all)."""

    def __init__(self, role: Role, scope: Scope | None) -> None:
        self.role = role
        self.scope = scope

    def admit(self, request: HttpRequest, principal: Principal) -> Member:
        """Return the membership, and give the transaction access to the organization."""
        assert request.resolver_match is not None  # noqa: S101 - for mypy: Django sets it before a view runs
        organization_id = UUID(request.resolver_match.kwargs["organization_id"])
        context.current().organization_id = organization_id
        if isinstance(principal, KeyPrincipal):
            if principal.organization_id != organization_id:
                raise NotFound("organization")
            if self.scope is None or self.scope not in principal.scopes:
                raise Forbidden("The API key may not do this.")
            tenancy.enter_organization(organization_id)
            return Member(organization_id, principal, self.role)
        tenancy.enter_organization(organization_id)
        role = _authenticators.role_of(organization_id, principal.id)
        if role is None:
            # Not 403, which would reveal to non-members that the organization exists.
            raise NotFound("organization")
        if not role.includes(self.role):
            raise Forbidden(f"This needs the role {self.role.value}.")
        return Member(organization_id, principal, role)


current_user = _CurrentUser()


def require(role: Role, *, scope: Scope | None = None) -> Require:
    """Admit members of the organization that the path names."""
    return Require(role, scope)


def idempotent[**P, R](view: Callable[P, R]) -> Callable[P, R]:
    """Run the view once for each value of its parameter `idempotency_key`.

    Place it below the route decorator, so that invalid requests do not claim the key.
    """

    @wraps(view)
    def claiming(*args: P.args, **kwargs: P.kwargs) -> R:
        request = cast(Any, args[0])
        if (key := cast(str | None, kwargs["idempotency_key"])) is not None:
            request.idempotency_claim = idempotency.claim(
                key,
                caller=request.principal.key,
                route=f"{request.method} {request.path}",
                body=request.body,
            )
        return view(*args, **kwargs)

    return claiming
