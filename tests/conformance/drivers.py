"""How the account operations are spoken: one small driver for each family of paths.

The behaviour that the tests demand is the same for every framework; only paths and bodies
differ. A driver turns each answer into an `Outcome`, and checks what its own paths promise
beyond that (the exact success status, problem details on every refusal).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import httpx2

from .problems import assert_problem


class Outcome(StrEnum):
    """What an account operation came to."""

    OK = "ok"
    REFUSED = "refused"
    MFA_REQUIRED = "mfa required"
    LIMITED = "limited"


@dataclass(frozen=True)
class Tokens:
    """A session, as a client without cookies holds it."""

    access: str
    refresh: str
    expires_in: int


@dataclass(frozen=True)
class Result:
    """An outcome, the answer it was read from, and what came with it."""

    outcome: Outcome
    response: httpx2.Response
    tokens: Tokens | None = None
    secret: str = ""
    otpauth_uri: str = ""
    recovery_codes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.outcome is Outcome.OK

    def session(self) -> Tokens:
        """Return the tokens of a sign-in that must have succeeded."""
        assert self.tokens is not None, f"{self.outcome}: {self.response.text[:300]}"
        return self.tokens


@dataclass(frozen=True)
class Session:
    """One of the user's own sessions."""

    id: str
    current: bool
    client: str
    last_used_at: str


class Driver(Protocol):
    """The account operations. `access` is an access token."""

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
    def sessions(self, access: str) -> list[Session]: ...
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
    """Make the header that carries a token."""
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

    def sessions(self, access: str) -> list[Session]:
        response = self.http.get("/api/v1/auth/sessions?limit=100", headers=bearer(access))
        assert response.status_code == 200, response.text
        return [
            Session(
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


DRIVERS: dict[str, type[ContractDriver]] = {"contract": ContractDriver}
