"""Drivers for the account operations, one per family of paths.

The tests require the same behaviour of every framework; only paths and bodies differ. A driver
maps each response to an `Outcome` and checks what is specific to its paths: the success status,
and problem details on every refusal.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import httpx2
import jwt

from .problems import assert_problem


class Outcome(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    MFA_REQUIRED = "mfa required"
    LIMITED = "limited"


@dataclass(frozen=True)
class Tokens:
    """The tokens of a session without cookies; `expires_in` is in seconds."""

    access: str
    refresh: str
    expires_in: int


@dataclass(frozen=True)
class Result:
    """An outcome, its response, and the values parsed from it."""

    outcome: Outcome
    response: httpx2.Response
    tokens: Tokens | None = None
    secret: str = ""
    otpauth_uri: str = ""
    recovery_codes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.OK

    def require_tokens(self) -> Tokens:
        """Return the tokens; fail unless the sign-in succeeded."""
        assert self.tokens is not None, f"{self.outcome}: {self.response.text[:300]}"
        return self.tokens


@dataclass(frozen=True)
class UserSession:
    id: str
    current: bool
    client: str
    last_used_at: str


class Driver(Protocol):
    """Account operations; `access` is an access token."""

    http: httpx2.Client
    limited_path: str

    def sign_up(self, email: str, password: str, name: str) -> Result: ...
    def verify(self, token: str) -> Result: ...
    def resend_verification(self, email: str) -> Result: ...
    def sign_in(
        self,
        email: str,
        password: str,
        *,
        totp_code: str | None = None,
        recovery_code: str | None = None,
        cookie: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Result: ...
    def refresh(self, token: str) -> Result: ...
    def sign_out(self, headers: dict[str, str]) -> Result: ...
    def sessions(self, access: str) -> list[UserSession]: ...
    def end_session(self, access: str, session_id: str) -> Result: ...
    def forgot(self, email: str) -> Result: ...
    def reset(self, token: str, password: str) -> Result: ...
    def change_password(self, access: str, current: str, new: str) -> Result: ...
    def begin_totp(self, access: str) -> Result: ...
    def confirm_totp(self, access: str, code: str) -> Result: ...
    def remove_totp(self, access: str, password: str) -> Result: ...
    def begin_oidc(self, provider: str, *, cookie: bool = False) -> httpx2.Response: ...
    def finish_oidc(self, callback: str, headers: dict[str, str] | None = None) -> Result: ...


def bearer(access: str) -> dict[str, str]:
    """Return the header for an access token or an API key."""
    return {"Authorization": f"Bearer {access}"}


class ContractDriver:
    """`/api/v1/auth/...`: FastAPI and Flask."""

    limited_path = "/api/v1/auth/sign-in"

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http

    def sign_up(self, email: str, password: str, name: str) -> Result:
        return self._post("sign-up", 202, {"email": email, "password": password, "name": name})

    def verify(self, token: str) -> Result:
        return self._post("verify-email", 204, {"token": token})

    def resend_verification(self, email: str) -> Result:
        return self._post("verify-email/resend", 202, {"email": email})

    def sign_in(
        self,
        email: str,
        password: str,
        *,
        totp_code: str | None = None,
        recovery_code: str | None = None,
        cookie: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Result:
        body = {"email": email, "password": password}
        if totp_code is not None:
            body["totp_code"] = totp_code
        if recovery_code is not None:
            body["recovery_code"] = recovery_code
        path = "sign-in?transport=cookie" if cookie else "sign-in"
        response = self.http.post(f"/api/v1/auth/{path}", json=body, headers=headers)
        if cookie and response.is_success:
            return Result(Outcome.OK, response)
        return self._with_tokens(self._result(response, 200))

    def refresh(self, token: str) -> Result:
        return self._with_tokens(self._post("refresh", 200, {"refresh_token": token}))

    def sign_out(self, headers: dict[str, str]) -> Result:
        return self._result(self.http.post("/api/v1/auth/sign-out", headers=headers), 204)

    def sessions(self, access: str) -> list[UserSession]:
        response = self.http.get("/api/v1/auth/sessions?limit=100", headers=bearer(access))
        assert response.status_code == 200, response.text
        return [
            UserSession(
                id=item["id"],
                current=item["current"],
                client=item["user_agent"] or "",
                last_used_at=item["last_used_at"],
            )
            for item in response.json()["items"]
        ]

    def end_session(self, access: str, session_id: str) -> Result:
        path = f"/api/v1/auth/sessions/{session_id}"
        return self._result(self.http.delete(path, headers=bearer(access)), 204)

    def forgot(self, email: str) -> Result:
        return self._post("password/forgot", 202, {"email": email})

    def reset(self, token: str, password: str) -> Result:
        return self._post("password/reset", 204, {"token": token, "password": password})

    def change_password(self, access: str, current: str, new: str) -> Result:
        body = {"current_password": current, "new_password": new}
        return self._post("password/change", 204, body, access)

    def begin_totp(self, access: str) -> Result:
        result = self._post("totp", 201, None, access)
        if not result.ok:
            return result
        body = result.response.json()
        assert set(body) == {"secret", "otpauth_uri"}, body
        return Result(
            Outcome.OK, result.response, secret=body["secret"], otpauth_uri=body["otpauth_uri"]
        )

    def confirm_totp(self, access: str, code: str) -> Result:
        result = self._post("totp/confirm", 200, {"code": code}, access)
        if not result.ok:
            return result
        codes = tuple(result.response.json()["recovery_codes"])
        return Result(Outcome.OK, result.response, recovery_codes=codes)

    def remove_totp(self, access: str, password: str) -> Result:
        response = self.http.request(
            "DELETE", "/api/v1/auth/totp", json={"password": password}, headers=bearer(access)
        )
        return self._result(response, 204)

    def begin_oidc(self, provider: str, *, cookie: bool = False) -> httpx2.Response:
        query = "?transport=cookie" if cookie else ""
        return self.http.get(f"/api/v1/auth/oidc/{provider}{query}")

    def finish_oidc(self, callback: str, headers: dict[str, str] | None = None) -> Result:
        return self._with_tokens(self._result(self.http.get(callback, headers=headers), 200))

    def _post(
        self, path: str, success: int, body: dict[str, Any] | None, access: str = ""
    ) -> Result:
        headers = bearer(access) if access else None
        response = self.http.post(f"/api/v1/auth/{path}", json=body, headers=headers)
        return self._result(response, success)

    def _result(self, response: httpx2.Response, success: int) -> Result:
        if response.status_code == success:
            return Result(Outcome.OK, response)
        problem = assert_problem(response, (401, 403, 404, 409, 415, 422, 429))
        if problem["type"] == "/problems/mfa-required":
            return Result(Outcome.MFA_REQUIRED, response)
        if response.status_code == 429:
            return Result(Outcome.LIMITED, response)
        return Result(Outcome.REFUSED, response)

    def _with_tokens(self, result: Result) -> Result:
        if not result.ok:
            return result
        body = result.response.json()
        assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}, body
        assert body["token_type"].lower() == "bearer", body
        tokens = Tokens(body["access_token"], body["refresh_token"], body["expires_in"])
        return Result(Outcome.OK, result.response, tokens=tokens)


class AllauthDriver(ContractDriver):
    """`/_allauth/{app,browser}/v1/...`: Django. Operations allauth lacks use the contract's paths.

    allauth answers a successful operation with 401 when no session results from it, so success is
    read from the body. A refusal is a problem document, as in `ContractDriver`.
    """

    limited_path = "/_allauth/app/v1/auth/login"

    def __init__(self, http: httpx2.Client) -> None:
        super().__init__(http)
        # By user id: allauth requires reauthentication before second factors change, and the
        # methods of `Driver` do not receive the password.
        self._passwords: dict[str, str] = {}

    def sign_up(self, email: str, password: str, name: str) -> Result:
        body = {"email": email, "password": password, "name": name}
        result = self._call("POST", "auth/signup", body)
        if result.ok:
            assert _pending(result.response) == {"verify_email"}, result.response.text
        return result

    def verify(self, token: str) -> Result:
        return self._signed_out(self._call("POST", "auth/email/verify", {"key": token}))

    def sign_in(
        self,
        email: str,
        password: str,
        *,
        totp_code: str | None = None,
        recovery_code: str | None = None,
        cookie: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Result:
        client = "browser" if cookie else "app"
        body = {"email": email, "password": password}
        result = self._call("POST", "auth/login", body, headers, client)
        if not result.ok:
            return result
        if result.response.status_code == 401:
            assert _pending(result.response) == {"mfa_authenticate"}, result.response.text
            code = totp_code if totp_code is not None else recovery_code
            if code is None:
                return Result(Outcome.MFA_REQUIRED, result.response)
            token = result.response.json()["meta"]["session_token"]
            headers = {**(headers or {}), "X-Session-Token": token}
            result = self._call("POST", "auth/2fa/authenticate", {"code": code}, headers)
            if not result.ok:
                return result
        assert result.response.status_code == 200, result.response.text
        if cookie:
            assert "meta" in result.response.json()
            return result
        meta = result.response.json()["meta"]
        # No other credential, such as allauth's session token, may be returned.
        assert set(meta) == {
            "is_authenticated",
            "access_token",
            "token_type",
            "expires_in",
            "refresh_token",
        }, meta
        tokens = Tokens(meta["access_token"], meta["refresh_token"], meta["expires_in"])
        self._passwords[_claims(tokens.access)["sub"]] = password
        return Result(Outcome.OK, result.response, tokens=tokens)

    def refresh(self, token: str) -> Result:
        result = self._call("POST", "tokens/refresh", {"refresh_token": token})
        if not result.ok:
            return result
        data = result.response.json()["data"]
        assert set(data) == {"access_token", "refresh_token"}, data
        claims = _claims(data["access_token"])
        tokens = Tokens(data["access_token"], data["refresh_token"], claims["exp"] - claims["iat"])
        return Result(Outcome.OK, result.response, tokens=tokens)

    def sign_out(self, headers: dict[str, str]) -> Result:
        client = "browser" if "Cookie" in headers else "app"
        return self._signed_out(self._call("DELETE", "auth/session", None, headers, client))

    def forgot(self, email: str) -> Result:
        return self._call("POST", "auth/password/request", {"email": email})

    def reset(self, token: str, password: str) -> Result:
        body = {"key": token, "password": password}
        return self._signed_out(self._call("POST", "auth/password/reset", body))

    def change_password(self, access: str, current: str, new: str) -> Result:
        body = {"current_password": current, "new_password": new}
        result = self._call("POST", "account/password/change", body, bearer(access))
        if result.ok:
            self._passwords[_claims(access)["sub"]] = new
        return result

    def begin_totp(self, access: str) -> Result:
        path = "account/authenticators/totp"
        result = self._call("GET", path, None, bearer(access))
        if not result.ok or result.response.status_code == 200:
            # TOTP is already set up: a second set-up must be refused.
            return self._call("POST", path, {"code": "000000"}, bearer(access))
        meta = result.response.json()["meta"]
        assert set(meta) == {"secret", "totp_url"}, meta
        return Result(
            Outcome.OK, result.response, secret=meta["secret"], otpauth_uri=meta["totp_url"]
        )

    def confirm_totp(self, access: str, code: str) -> Result:
        proof = self._prove(access, self._passwords[_claims(access)["sub"]])
        assert proof.ok, proof.response.text
        path = "account/authenticators/totp"
        result = self._call("POST", path, {"code": code}, bearer(access))
        if not result.ok:
            return result
        codes = self._call("GET", "account/authenticators/recovery-codes", None, bearer(access))
        unused = codes.response.json()["data"]["unused_codes"]
        return Result(Outcome.OK, result.response, recovery_codes=tuple(unused))

    def remove_totp(self, access: str, password: str) -> Result:
        proof = self._prove(access, password)
        if not proof.ok:
            return proof
        return self._call("DELETE", "account/authenticators/totp", None, bearer(access))

    def _signed_out(self, result: Result) -> Result:
        """Check that the operation started no session; return an outcome without the body."""
        if not result.ok:
            return result
        body = result.response.json()
        assert body["meta"] == {"is_authenticated": False}, body
        assert not _pending(result.response), body
        # The body lists the available sign-in flows, which are public.
        headers = [
            (name, value)
            for name, value in result.response.headers.multi_items()
            if not name.lower().startswith("content-")
        ]
        bare = httpx2.Response(204, headers=headers, request=result.response.request)
        return Result(Outcome.OK, bare)

    def _prove(self, access: str, password: str) -> Result:
        return self._call("POST", "auth/reauthenticate", {"password": password}, bearer(access))

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        headers: dict[str, str] | None = None,
        client: str = "app",
    ) -> Result:
        url = f"/_allauth/{client}/v1/{path}"
        response = self.http.request(method, url, json=body, headers=headers)
        if response.headers["content-type"] != "application/json":
            return self._result(response, 0)
        context = f"{method} {url} -> {response.status_code} {response.text[:600]}"
        assert response.json()["status"] == response.status_code, context
        assert response.status_code in (200, 401, 404), context
        if response.status_code == 404:
            assert path.endswith("/totp"), context
        return Result(Outcome.OK, response)


def _pending(response: httpx2.Response) -> set[str]:
    flows = response.json()["data"]["flows"]
    return {flow["id"] for flow in flows if flow.get("is_pending")}


def _claims(access: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(access, options={"verify_signature": False})
    return claims


DRIVERS: dict[str, type[ContractDriver]] = {
    "contract": ContractDriver,
    "allauth": AllauthDriver,
}
