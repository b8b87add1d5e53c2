"""An OpenID Connect provider for tests: validates requests, and returns faults on demand."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "conformance"
CLIENT_SECRET = "a secret of the client"  # noqa: S105 - of a provider that only tests use


class OidcProvider:
    """Signs in the user with the claims in `identity`; collects invalid requests in `violations`.

    `faults` replaces claims of the ID token (`nonce`, `aud`, `iss`, `exp`; None removes one) or
    sets `alg: none`, `alg: HS256`, `key: foreign`, `token_status: 500`, `token_body: ...`.
    """

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.identity: dict[str, Any] = {}
        self.faults: dict[str, Any] = {}
        self.violations: list[str] = []
        self._requests: dict[str, dict[str, str]] = {}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": ["openid", "email", "profile"],
        }

    def jwks(self) -> dict[str, Any]:
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": "one", "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Check an authorization request; return the redirect URI with code and state."""
        self._require(query.get("response_type") == "code", "response_type is not code")
        self._require(query.get("client_id") == CLIENT_ID, "wrong client_id")
        self._require("openid" in query.get("scope", "").split(), "scope has no openid")
        self._require(query.get("code_challenge_method") == "S256", "PKCE method is not S256")
        self._require(len(query.get("code_challenge", "")) == 43, "no PKCE challenge")
        self._require(len(query.get("state", "")) >= 16, "state too short to be unguessable")
        self._require(len(query.get("nonce", "")) >= 16, "nonce too short to be unguessable")
        code = secrets.token_urlsafe(16)
        self._requests[code] = query
        back = {"code": code, "state": query.get("state", "")}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """Exchange a code for an ID token; a code works once."""
        request = self._requests.pop(form.get("code", ""), None)
        if request is None:
            return 400, {"error": "invalid_grant"}
        if authorization.startswith("Basic "):
            client = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            known = client.replace("+", " ").replace("%20", " ") == f"{CLIENT_ID}:{CLIENT_SECRET}"
        else:
            known = (form.get("client_id"), form.get("client_secret")) == (
                CLIENT_ID,
                CLIENT_SECRET,
            )
        self._require(known, "the client did not authenticate")
        self._require(form.get("grant_type") == "authorization_code", "wrong grant_type")
        self._require(form.get("redirect_uri") == request["redirect_uri"], "other redirect_uri")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self._require(challenge == request["code_challenge"], "PKCE verifier does not fit")
        if "token_status" in self.faults or "token_body" in self.faults:
            return self.faults.get("token_status", 200), self.faults.get("token_body", {})
        return 200, {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": self._id_token(request),
        }

    def _id_token(self, request: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 60,
            "nonce": request["nonce"],
            **self.identity,
            **{k: v for k, v in self.faults.items() if k not in ("alg", "key")},
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.faults.get("alg") == "none":
            return jwt.encode(claims, "", algorithm="none", headers={"kid": "one"})
        if self.faults.get("alg") == "HS256":
            return jwt.encode(claims, CLIENT_SECRET * 2, algorithm="HS256", headers={"kid": "one"})
        key = self._key
        if self.faults.get("key") == "foreign":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"})

    def _require(self, condition: bool, violation: str) -> None:
        if not condition:
            self.violations.append(violation)


@contextmanager
def running_provider() -> Iterator[OidcProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/.well-known/openid-configuration":
                self._send(200, provider.discovery())
            elif parts.path == "/jwks":
                self._send(200, provider.jwks())
            elif parts.path == "/userinfo":
                self._send(200, provider.identity)
            elif parts.path == "/authorize":
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.end_headers()
            else:
                self._send(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._send(*provider.token(form, self.headers.get("Authorization", "")))

        def _send(self, status: int, body: Any) -> None:
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider = OidcProvider(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
