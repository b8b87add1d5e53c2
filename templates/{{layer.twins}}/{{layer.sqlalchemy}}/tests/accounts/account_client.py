"""A user before the sign-in page, and the mailbox."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from uuid import UUID

from httpx2 import Client, Response
from sqlalchemy import select, text

from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import execution
from app.core.models import OutboxEntry

PASSWORD = "velvet otter 7 harbour"
OTHER_PASSWORD = "quiet lantern 42 meadow"


@dataclass
class Mailbox:
    """What was sent, after the jobs that wait have run."""

    folder: Path

    def run_jobs(self) -> None:
        """Do what a worker would do, with the jobs too that jobs enqueue."""
        tried: set[UUID] = set()
        while waiting := [job_id for job_id in self.waiting() if job_id not in tried]:
            for job_id in waiting:
                execution.run_job(job_id)
            tried.update(waiting)

    def waiting(self) -> list[UUID]:
        """List the jobs that are not done, oldest first."""
        with unit_of_work() as session:
            found = session.scalars(
                select(OutboxEntry.id).where(OutboxEntry.done_at.is_(None)).order_by(OutboxEntry.id)
            )
            return list(found)

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
    """Speaks the account operations."""

    client: Client

    def post(self, path: str, access: str | None = None, /, **body: Any) -> Response:
        """Send a body to an operation below /auth, with an access token perhaps."""
        headers = {"Authorization": f"Bearer {access}"} if access else {}
        return self.client.post(f"/api/v1/auth/{path}", json=body, headers=headers)

    def get(self, path: str, access: str) -> Response:
        """Read something below /api/v1 with an access token."""
        return self.client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {access}"})

    def sign_up(self, email: str, password: str = PASSWORD, name: str = "Ada Lovelace") -> Response:
        """Sign up."""
        return self.post("sign-up", email=email, password=password, name=name)

    def sign_in(self, email: str, password: str = PASSWORD, **codes: str) -> Response:
        """Sign in."""
        return self.post("sign-in", email=email, password=password, **codes)

    def forgot(self, email: str) -> Response:
        """Ask for a mail to choose another password."""
        return self.post("password/forgot", email=email)

    def tokens(self, email: str, password: str = PASSWORD, **codes: str) -> tuple[str, str]:
        """Sign in; the access and the refresh token."""
        response = self.sign_in(email, password, **codes)
        assert response.status_code == 200, response.text
        return response.json()["access_token"], response.json()["refresh_token"]


@dataclass(frozen=True)
class Account:
    """A verified account with PASSWORD."""

    id: UUID
    email: str


def age(table: str, column: str, by: str) -> None:
    """Let time pass: move a column of every row back."""
    with unit_of_work() as session:
        session.execute(
            text(f"UPDATE {table} SET {column} = {column} - interval '{by}'")  # noqa: S608 - names from tests
        )


def actions() -> list[str]:
    """List the security events, oldest first."""
    with unit_of_work() as session:
        return list(session.scalars(text("SELECT action FROM security_events ORDER BY id")))
