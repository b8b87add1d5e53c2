"""A user before the sign-in page, and the mailbox."""

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
    """What was sent, after the jobs that wait have run."""

    folder: Path

    def run_jobs(self) -> None:
        """Do what a worker would do."""
        waiting = OutboxEntry.objects.open().order_by("id").values_list("id", flat=True)
        # A job may enqueue another.
        while job_ids := list(waiting.all()):
            for job_id in job_ids:
                execution.run_job(job_id)

    def subjects(self, to: str) -> list[str]:
        """List the subjects of the mails to an address, oldest first."""
        return [str(mail["Subject"]) for mail in self._mails(to)]

    def tokens(self, page: str, to: str) -> list[str]:
        """List the tokens in the links to a page that an address got, oldest first."""
        texts = [mail.get_content() for mail in self._mails(to)]
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
    """Speaks allauth's operations as a client with tokens does."""

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
        """Take the first step of a sign-in."""
        return self.post("auth/login", email=email, password=password)

    def forgot(self, email: str) -> Response:
        """Ask for a mail to choose another password."""
        return self.post("auth/password/request", email=email)

    def tokens(self, email: str, password: str = PASSWORD) -> tuple[str, str]:
        """Sign in; the access and the refresh token."""
        answer = self.sign_in(email, password)
        assert answer.status_code == 200, answer.text
        meta = answer.json()["meta"]
        return meta["access_token"], meta["refresh_token"]

    def prove(self, access: str, password: str = PASSWORD) -> Response:
        """Prove again who one is."""
        return self.post("auth/reauthenticate", access, password=password)

    def set_up_totp(self, access: str) -> pyotp.TOTP:
        """Turn on the second factor; the app on the phone."""
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
        """Send a request to an operation for browsers, from the service's own page."""
        sent = {**PAGE, **(headers or {})}
        if cookie is not None:
            sent["Cookie"] = f"__Host-session={cookie}"
        return self.http.request(
            method, f"/_allauth/browser/v1/{path}", json=body or None, headers=sent
        )

    def cookie(self, email: str, password: str = PASSWORD) -> str:
        """Sign in with a browser; the value of the cookie."""
        answer = self.browse("POST", "auth/login", email=email, password=password)
        assert answer.status_code == 200, answer.text
        return cookie_of(answer)


def cookie_of(answer: Response) -> str:
    """Read the value of the one cookie that an answer sets."""
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
    """Let time pass: move a column of every row back."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {column} - interval '{by}'")  # noqa: S608 - names from tests


def actions() -> list[str]:
    """List the security events, oldest first."""
    return list(SecurityEvent.objects.order_by("id").values_list("action", flat=True))
