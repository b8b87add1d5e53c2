"""Sign-in with an OpenID Connect provider: authorization code flow with PKCE, state and nonce.

The state between the two requests is in an encrypted cookie: only the browser that started the
sign-in can finish it, and nothing is stored on the server.
"""

import hmac
import json
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import httpx2
from authlib.integrations.base_client import BaseApp, OAuthError
from authlib.integrations.base_client.async_app import AsyncOAuth2Mixin
from authlib.integrations.base_client.async_openid import AsyncOpenIDMixin
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc.errors import JoseError

from app.core import crypto
from app.core.errors import NotFound, Unauthenticated, Unavailable
from app.settings import OidcProvider, settings

# What Authlib raises for responses that are not OAuth, not JSON, or lack fields.
_INVALID = (OAuthError, JoseError, ValueError, RuntimeError, KeyError, TypeError, AttributeError)
# Time for the user to sign in at the provider.
LIFETIME_SECONDS = 600
_TIMEOUT_SECONDS = 5.0
_PURPOSE = "oidc-flow"
# Never HS*, whose key is the client secret, and never "none".
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")


@dataclass(frozen=True, slots=True)
class Identity:
    """Claims of the ID token. `(issuer, subject)` is the key: an e-mail can change its owner."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None


@dataclass(frozen=True, slots=True)
class Flow:
    """The state of one sign-in, between the request and the callback."""

    provider: str
    transport: Literal["token", "cookie"]
    state: str
    nonce: str
    code_verifier: str
    expires_at: int

    def seal(self) -> str:
        """Return the encrypted cookie value."""
        return crypto.to_base64url(crypto.encrypt(_PURPOSE, json.dumps(asdict(self)).encode()))


class _Client(AsyncOAuth2Mixin, AsyncOpenIDMixin, BaseApp):  # type: ignore[misc]  # Authlib has no types
    """Authlib's OpenID Connect client without the sessions of a web framework."""

    client_cls = AsyncOAuth2Client


@lru_cache(maxsize=32)
def _client(name: str, provider: OidcProvider) -> Any:
    return _Client(
        framework=None,
        name=name,
        client_id=provider.client_id,
        client_secret=provider.client_secret.get_secret_value(),
        server_metadata_url=(provider.issuer.rstrip("/") + "/.well-known/openid-configuration"),
        client_kwargs={
            "scope": " ".join(provider.scopes),
            "code_challenge_method": "S256",
            "timeout": _TIMEOUT_SECONDS,
        },
    )


def _provider(name: str) -> tuple[OidcProvider, Any]:
    provider = settings.oidc_providers.get(name)
    if provider is None:
        raise NotFound("provider")
    return provider, _client(name, provider)


def _redirect_uri(name: str) -> str:
    return f"{settings.public_url}/api/v1/auth/oidc/{name}/callback"


async def begin(name: str, *, transport: Literal["token", "cookie"]) -> tuple[str, Flow]:
    """Return the provider's authorization URL, and the flow to keep in the browser's cookie."""
    provider, client = _provider(name)
    try:
        await _load_metadata(provider, client)
        made = await client.create_authorization_url(_redirect_uri(name))
    except (httpx2.HTTPError, ValueError, RuntimeError) as error:
        raise Unavailable("The sign-in provider does not answer.") from error
    flow = Flow(
        provider=name,
        transport=transport,
        state=made["state"],
        nonce=made["nonce"],
        code_verifier=made["code_verifier"],
        expires_at=int(time.time()) + LIFETIME_SECONDS,
    )
    return made["url"], flow


async def _load_metadata(provider: OidcProvider, client: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = await client.load_server_metadata()
    # OpenID Connect Discovery 4.3: the issuer must be the configured one.
    if metadata.get("issuer") != provider.issuer:
        raise ValueError("the provider's metadata name another issuer")
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = [
        name for name in offered if name in _ALGORITHMS
    ]
    return metadata


def open_flow(encrypted: str | None, *, provider: str, state: str | None) -> Flow:
    """Decrypt the cookie; Unauthenticated if expired, or of another provider or `state`."""
    try:
        plain = crypto.decrypt(_PURPOSE, crypto.from_base64url(encrypted or ""))
        flow = Flow(**json.loads(plain))
    except (ValueError, TypeError) as error:
        raise _refused() from error
    matches = hmac.compare_digest(flow.state.encode(), (state or "").encode())
    if not matches or flow.provider != provider or flow.expires_at < time.time():
        raise _refused()
    return flow


async def finish(flow: Flow, *, code: str, issuer: str | None) -> Identity:
    """Exchange the code for an ID token, verify it and return its claims.

    `issuer` is the `iss` parameter of RFC 9207, None if the provider does not send it. Raises
    Unauthenticated for an invalid response, Unavailable when the provider does not respond.
    """
    provider, client = _provider(flow.provider)
    if issuer is not None and issuer != provider.issuer:
        raise _refused()
    try:
        await _load_metadata(provider, client)
        token = await client.fetch_access_token(
            redirect_uri=_redirect_uri(flow.provider), code=code, code_verifier=flow.code_verifier
        )
        claims = await client.parse_id_token(
            token,
            nonce=flow.nonce,
            claims_options={
                "iss": {"essential": True, "values": [provider.issuer]},
                "aud": {"essential": True, "values": [provider.client_id]},
            },
        )
    except httpx2.HTTPError as error:
        raise Unavailable("The sign-in provider does not answer.") from error
    except _INVALID as error:
        raise _refused() from error
    if claims is None or not _is_subject(claims["sub"]):
        raise _refused()
    return Identity(
        issuer=provider.issuer,
        subject=claims["sub"],
        email=_text(claims.get("email")),
        # Some providers send the string "true".
        email_verified=claims.get("email_verified") in (True, "true"),
        name=_text(claims.get("name")),
    )


def _is_subject(value: object) -> bool:
    """Return whether it is 1 to 255 ASCII characters (OpenID Connect Core 2, `sub`)."""
    return (
        isinstance(value, str) and 0 < len(value) <= 255 and value.isascii() and value.isprintable()
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _refused() -> Unauthenticated:
    return Unauthenticated("The sign-in with the provider did not succeed. Start again.")
