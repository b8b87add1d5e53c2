"""Client of allauth's operations, mailbox, and helpers for accounts."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from uuid import UUID

import pyotp
from django.db import connection
from httpx2 import Client, Response

from app.accounts.models import SecurityEvent
from app.core.jobs import execution
from app.core.models import OutboxEntry

PASSWORD = "velvet otter 7 harbour"
OTHER_PASSWORD = "quiet lantern 42 meadow"
PAGE = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}


def bearer(access: str) -> dict[str, str]:
    """Make the header that carries a token."""
    return {"Authorization": f"Bearer {access}"}


@dataclass
class Mailbox:
    """The mails that were sent; reading it runs the open jobs first."""

    folder: Path

    def run_jobs(self) -> None:
        """Run the open jobs, as a worker does."""
        waiting = OutboxEntry.objects.open().order_by("id").values_list("id", flat=True)
        # Until there are none: a job may enqueue another.
        while job_ids := list(waiting.all()):
            for job_id in job_ids:
                execution.run_job(job_id)

    def subjects(self, to: str) -> list[str]:
        """List the subjects of the mails to an address, oldest first."""
        return [str(mail["Subject"]) for mail in self._mails(to)]

    def tokens(self, page: str, to: str) -> list[str]:
        """List the tokens in the links to a page that an address got, oldest first."""
        texts = [mail.get_body(("plain",)).get_content() for mail in self._mails(to)]
        return [
            token for content in texts for token in re.findall(rf"/{page}\?token=(\S+)", content)
        ]

    def _mails(self, to: str) -> list[Any]:
        self.run_jobs()
        mails = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted(self.folder.glob("*.eml"))
        ]
        return [mail for mail in mails if mail["To"] == to]


@dataclass
class AccountClient:
    """Client of allauth's operations, with tokens or as a browser."""

    http: Client

    def call(
        self,
        method: str,
        path: str,
        access: str | None = None,
        /,
        *,
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> Response:
        """Send a request to an operation for clients with tokens."""
        sent = {**(bearer(access) if access else {}), **(headers or {})}
        return self.http.request(
            method, f"/_allauth/app/v1/{path}", json=body or None, headers=sent
        )

    def post(self, path: str, access: str | None = None, /, **body: Any) -> Response:
        """Send a body to an operation, with an access token perhaps."""
        return self.call("POST", path, access, **body)

    def me(self, access: str) -> Response:
        """Read the account."""
        return self.http.get("/api/v1/me", headers=bearer(access))

    def sign_up(self, email: str, password: str = PASSWORD, name: str = "Ada Lovelace") -> Response:
        """Sign up."""
        return self.post("auth/signup", email=email, password=password, name=name)

    def sign_in(self, email: str, password: str = PASSWORD) -> Response:
        """Sign in with the password: the first step."""
        return self.post("auth/login", email=email, password=password)

    def forgot(self, email: str) -> Response:
        """Request a reset mail."""
        return self.post("auth/password/request", email=email)

    def tokens(self, email: str, password: str = PASSWORD) -> tuple[str, str]:
        """Sign in, and return the access and the refresh token."""
        answer = self.sign_in(email, password)
        assert answer.status_code == 200, answer.text
        meta = answer.json()["meta"]
        return meta["access_token"], meta["refresh_token"]

    def prove(self, access: str, password: str = PASSWORD) -> Response:
        """Reauthenticate with the password."""
        return self.post("auth/reauthenticate", access, password=password)

    def set_up_totp(self, access: str) -> pyotp.TOTP:
        """Enable TOTP, and return the authenticator app."""
        assert self.prove(access).status_code == 200
        begun = self.call("GET", "account/authenticators/totp", access)
        app = pyotp.TOTP(begun.json()["meta"]["secret"])
        confirmed = self.post("account/authenticators/totp", access, code=app.now())
        assert confirmed.status_code == 200, confirmed.text
        return app

    def browse(
        self,
        method: str,
        path: str,
        cookie: str | None = None,
        /,
        *,
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> Response:
        """Send a request to an operation for browsers, from a page of the same origin."""
        sent = {**PAGE, **(headers or {})}
        if cookie is not None:
            sent["Cookie"] = f"__Host-session={cookie}"
        return self.http.request(
            method, f"/_allauth/browser/v1/{path}", json=body or None, headers=sent
        )

    def cookie(self, email: str, password: str = PASSWORD) -> str:
        """Sign in with a browser, and return the value of the cookie."""
        answer = self.browse("POST", "auth/login", email=email, password=password)
        assert answer.status_code == 200, answer.text
        return cookie_of(answer)


def cookie_of(answer: Response) -> str:
    """Return the value of the only cookie that a response sets."""
    (header,) = answer.headers.get_list("Set-Cookie")
    name, _, rest = header.partition("=")
    assert name == "__Host-session"
    return rest.partition(";")[0]


@dataclass(frozen=True)
class Account:
    """A verified account with PASSWORD."""

    id: UUID
    email: str


def age(table: str, column: str, by: str) -> None:
    """Move a timestamp column of every row into the past."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {column} - interval '{by}'")  # noqa: S608 - the arguments are literals of tests


def actions() -> list[str]:
    """Return the actions of the security events, oldest first."""
    return list(SecurityEvent.objects.order_by("id").values_list("action", flat=True))
