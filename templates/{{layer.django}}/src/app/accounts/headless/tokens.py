"""The contract's tokens, as allauth's token strategy (`HEADLESS_TOKEN_STRATEGY`)."""

from typing import Any

from allauth.headless.tokens.strategies.base import AbstractTokenStrategy
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from app.accounts import queries, schemas, service, sessions
from app.core.errors import Unauthenticated

_BEARER = "Bearer "


class TokenStrategy(AbstractTokenStrategy):
    """`X-Session-Token` carries an unfinished sign-in; afterwards only the access token counts."""

    def get_session_token(self, request: HttpRequest) -> str | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return _BEARER + token
        return super().get_session_token(request)

    def lookup_session(self, session_token: str) -> SessionBase | None:
        """Find Django's session; Unauthenticated for an access token that is not accepted."""
        if not session_token.startswith(_BEARER):
            unfinished = sessions.find(session_token)
            return None if unfinished is None or SESSION_KEY in unfinished else unfinished
        principal = service.authenticate_token(session_token.removeprefix(_BEARER))
        key = queries.find_django_session_key(principal.session_id)
        found = sessions.find(key) if key else None
        if found is None or sessions.session_id(found) != principal.session_id:
            raise Unauthenticated("The session has ended.")
        return found

    def create_session_token(self, request: HttpRequest) -> str:
        return "" if SESSION_KEY in request.session else sessions.key(request.session)

    def create_access_token_payload(self, request: HttpRequest) -> dict[str, Any] | None:
        # Once per request: allauth asks for each response that it builds, and sends the last.
        if not hasattr(request, "issued_tokens"):
            user = sessions.principal(request)
            issued = service.issue_tokens(user_id=user.id, session_id=user.session_id)
            request.issued_tokens = schemas.Tokens.model_validate(issued).model_dump()  # type: ignore[attr-defined]  # our attribute
        payload: dict[str, Any] = request.issued_tokens  # type: ignore[attr-defined]  # our attribute
        return payload

    def refresh_token(self, refresh_token: str) -> tuple[str, str]:
        tokens = service.refresh(refresh_token=refresh_token)
        return tokens.access_token, tokens.refresh_token
