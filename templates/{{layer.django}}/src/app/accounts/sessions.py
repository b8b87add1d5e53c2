"""What ties Django's sessions to ours, whoever opens them: the API, the admin, a passkey.

Django's session holds what must be remembered between two requests. Whether somebody is signed
in is for ours to say: it can be ended from elsewhere, at once.
"""

from contextlib import suppress
from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import get_authentication_records
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
from django.db.models import Q
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from app.accounts import queries, service
from app.accounts.models import User
from app.core import context
from app.core.errors import NotFound, Unauthenticated

_SESSION_ID = "session_id"
_SECOND_FACTOR = "second_factor"
_BACKEND = "django.contrib.auth.backends.ModelBackend"


def is_app(request: HttpRequest) -> bool:
    """Tell whether the request is one of allauth's for clients with tokens."""
    headless = getattr(getattr(request, "allauth", None), "headless", None)
    return getattr(headless, "client", None) == Client.APP


def session_id(session: SessionBase) -> UUID | None:
    """Read which of our sessions one of Django's belongs to."""
    found = session.get(_SESSION_ID)
    return UUID(found) if isinstance(found, str) else None


def own_session_id(request: HttpRequest) -> UUID:
    """Read which of our sessions the request belongs to; Unauthenticated when to none."""
    found = session_id(request.session)
    if found is None:
        raise Unauthenticated("The session has ended.")
    return found


def _keys(request: HttpRequest) -> dict[str, str]:
    return {"store_key" if is_app(request) else "cookie": key(request.session)}


def key(session: SessionBase) -> str:
    """Read the key of one of Django's sessions, which has one when it is saved."""
    if session.session_key is None:
        session.save()
    found = session.session_key
    assert found is not None  # noqa: S101 - it was saved
    return found


class Login:
    """Opens our session when somebody has signed in to Django's.

    A view that wants another than the usual one puts its own into `request.opens_session`.
    """

    def __init__(self, *, second_factor: bool = False) -> None:
        self.second_factor = second_factor

    def open(self, request: HttpRequest, user: User) -> UUID:
        """Open it, and note how the user proved who it is."""
        methods = _methods(request, user)
        method = methods[-1] if methods else "password"
        return service.open_session(user.id, method=method, **_keys(request))


def _methods(request: HttpRequest, user: User) -> list[str]:
    return [record["method"] for record in get_authentication_records(request, user)]


@receiver(user_logged_in)
def _open(request: HttpRequest, user: User, **_: Any) -> None:
    if (before := session_id(request.session)) is not None:
        # The same user once more, so Django keeps the session: ours gives way, cookie and all.
        request.session.cycle_key()
        with suppress(NotFound):
            service.end_session(user_id=user.id, session_id=before)
    login: Login = getattr(request, "opens_session", None) or Login()
    request.session[_SESSION_ID] = str(login.open(request, user))
    request.session[_SECOND_FACTOR] = login.second_factor or "mfa" in _methods(request, user)
    # `app.core.security.csrf` protects our cookie; the admin creates its CSRF token on demand.
    request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False


@receiver(user_logged_out)
def _close(request: HttpRequest, user: User | None, **_: Any) -> None:
    found = session_id(request.session)
    if user is not None and found is not None:
        with suppress(NotFound):  # ended from elsewhere already
            service.end_session(user_id=user.id, session_id=found)


def has_second_factor(session: SessionBase) -> bool:
    """Tell whether the user of a session has proved more than a password."""
    return session.get(_SECOND_FACTOR) is True


def keep(request: HttpRequest, user: User) -> None:
    """Keep this session alive after the password was changed."""
    request.user = user
    update_session_auth_hash(request, user)
    service.rekey_session(own_session_id(request), **_keys(request))
    request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False


def open_with_tokens(user: User, store: SessionBase, *, method: str) -> UUID:
    """Open a session with tokens outside of allauth's steps, on a fresh session of Django's."""
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = _BACKEND
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    opened = service.open_session(user.id, method=method, store_key=store.session_key)
    store[_SESSION_ID] = str(opened)
    store.save()
    return opened


class AuthenticationMiddleware(DjangoMiddleware):
    """Django's, for whom a user is signed in only as long as our session lives."""

    def process_request(self, request: HttpRequest) -> None:
        """Set `request.user`, to be looked up when it is asked for."""
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
