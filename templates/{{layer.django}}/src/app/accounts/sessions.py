"""Ties Django's sessions to `UserSession`, which alone decides whether a user is signed in.

Django's session stores what allauth and the admin need between two requests. A `UserSession` can
be ended from elsewhere, at once.
"""

from contextlib import suppress
from typing import Any
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from allauth.headless.constants import Client
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user,
    update_session_auth_hash,
)
from django.contrib.auth.middleware import AuthenticationMiddleware as DjangoMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.cached_db import SessionStore
from django.db.models import Q
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from app.accounts import queries, service
from app.accounts.models import User
from app.core import context
from app.core.errors import NotFound, Unauthenticated
from app.core.security.principals import UserPrincipal

_SESSION_ID = "session_id"
_SECOND_FACTOR = "second_factor"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def find(key: str) -> SessionBase | None:
    """Find a session of Django's; reading one that does not exist clears its key."""
    found = SessionStore(key)
    found.get(SESSION_KEY)
    return found if found.session_key else None


def key(session: SessionBase) -> str:
    """Return the key of a session of Django's, which is saved for it if it is new."""
    if session.session_key is None:
        session.save()
    return str(session.session_key)


def session_id(session: SessionBase) -> UUID | None:
    """Return the id of the `UserSession` that a session of Django's belongs to."""
    found = session.get(_SESSION_ID)
    return UUID(found) if isinstance(found, str) else None


def principal(request: HttpRequest) -> UserPrincipal:
    """Return the signed-in user; Unauthenticated when there is none."""
    user, found = request.user, session_id(request.session)
    if not user.is_authenticated or found is None:
        raise Unauthenticated("The session has ended.")
    return UserPrincipal(id=user.pk, email=user.email, session_id=found)


def _keys(request: HttpRequest) -> dict[str, str]:
    headless = getattr(getattr(request, "allauth", None), "headless", None)
    is_app = getattr(headless, "client", None) == Client.APP
    return {"django_session_key" if is_app else "cookie": key(request.session)}


class Login:
    """Opens the `UserSession` of a sign-in. A view sets `request.opens_session` to replace it."""

    def __init__(self, *, second_factor: bool = False) -> None:
        self.second_factor = second_factor

    def open(self, request: HttpRequest, user: User) -> UUID:
        """Open it; the history of the account names the last method of the sign-in."""
        method = (_methods(request, user) or ["password"])[-1]
        return service.open_session(user.id, method=method, **_keys(request))


def _methods(request: HttpRequest, user: User) -> list[str]:
    return [record["method"] for record in get_authentication_records(request, user)]


@receiver(user_logged_in)
def _open(request: HttpRequest, user: User, **_: Any) -> None:
    if (before := session_id(request.session)) is not None:
        # Django keeps the session when the same user signs in again: change its key, and end
        # the UserSession that it belonged to.
        request.session.cycle_key()
        with suppress(NotFound):
            service.end_session(user_id=user.id, session_id=before)
    login: Login = getattr(request, "opens_session", None) or Login()
    request.session[_SESSION_ID] = str(login.open(request, user))
    request.session[_SECOND_FACTOR] = login.second_factor or "mfa" in _methods(request, user)
    # `app.core.security.csrf` protects the cookie; the admin makes its CSRF token when it needs it.
    request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False


@receiver(user_logged_out)
def _close(request: HttpRequest, user: User | None, **_: Any) -> None:
    found = session_id(request.session)
    if user is not None and found is not None:
        with suppress(NotFound):  # ended from elsewhere already
            service.end_session(user_id=user.id, session_id=found)


def has_second_factor(session: SessionBase) -> bool:
    """Return whether the user signed in with more than a password."""
    return session.get(_SECOND_FACTOR) is True


def keep(request: HttpRequest, user: User) -> None:
    """Keep this session alive, under a new key, after the password was changed."""
    request.user = user
    update_session_auth_hash(request, user)
    service.rekey_session(principal(request).session_id, **_keys(request))
    request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False


def accept_second_factor(request: HttpRequest, user: User) -> None:
    """Note that the user proved a second factor in this session, which gets a new key."""
    keep(request, user)
    request.session[_SECOND_FACTOR] = True


def open_with_tokens(user: User, *, method: str) -> UUID:
    """Open a session for a client with tokens whose sign-in did not use allauth."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    opened = service.open_session(user.id, method=method, django_session_key=key(session))
    session[_SESSION_ID] = str(opened)
    session.save()
    return opened


class AuthenticationMiddleware(DjangoMiddleware):
    """Django's; a user is signed in only as long as the `UserSession` is live."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        user: Any = SimpleLazyObject(lambda: _get_user(request))
        request.user = user


def _get_user(request: HttpRequest) -> User | AnonymousUser:
    user = get_user(request)
    if not user.is_authenticated:
        return user
    found = session_id(request.session)
    live = found and queries.find_live_session(Q(id=found, user_id=user.pk))
    if not live:
        request.session.flush()
        return AnonymousUser()
    context.current().impersonated_by = live.impersonated_by
    return user
