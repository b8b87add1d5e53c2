"""Client of the account operations, and the mailbox."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from uuid import UUID

from httpx2 import AsyncClient, Response
from sqlalchemy import select, text

from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import execution
from app.core.models import OutboxEntry

PASSWORD = "velvet otter 7 harbour"
OTHER_PASSWORD = "quiet lantern 42 meadow"
# The same for every address: it must not tell which ones have an account.
ACCEPTED = {"detail": "If the address qualifies, we have sent a mail to it."}


@dataclass
class Mailbox:
    """The mails sent; reading them first runs the pending jobs."""

    folder: Path

    async def run_jobs(self) -> None:
        """Run each pending job once, with those that it enqueues."""
        tried: set[UUID] = set()
        while pending := [job_id for job_id in await self.pending_jobs() if job_id not in tried]:
            for job_id in pending:
                await execution.run_job(job_id)
            tried.update(pending)

    async def pending_jobs(self) -> list[UUID]:
        """List the ids of jobs that are not done, oldest first."""
        async with unit_of_work() as session:
            found = await session.scalars(
                select(OutboxEntry.id).where(OutboxEntry.done_at.is_(None)).order_by(OutboxEntry.id)
            )
            return list(found)

    async def subjects(self, to: str) -> list[str]:
        """List the subjects of the mails to an address, oldest first."""
        return [str(mail["Subject"]) for mail in await self._mails(to)]

    async def tokens(self, page: str, to: str) -> list[str]:
        """List the tokens in the links to `page`, in the mails to an address, oldest first."""
        texts = [mail.get_body(("plain",)).get_content() for mail in await self._mails(to)]
        return [
            token for content in texts for token in re.findall(rf"/{page}\?token=(\S+)", content)
        ]

    async def _mails(self, to: str) -> list[Any]:
        await self.run_jobs()
        mails = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted(self.folder.glob("*.eml"))
        ]
        return [mail for mail in mails if mail["To"] == to]


@dataclass
class AccountClient:
    """Calls the account operations of the API."""

    client: AsyncClient

    async def post(self, path: str, access: str | None = None, /, **body: Any) -> Response:
        """POST to a path below /api/v1/auth; `access` is an access token."""
        headers = {"Authorization": f"Bearer {access}"} if access else {}
        return await self.client.post(f"/api/v1/auth/{path}", json=body, headers=headers)

    async def get(self, path: str, access: str) -> Response:
        """GET a path below /api/v1 with an access token."""
        return await self.client.get(
            f"/api/v1/{path}", headers={"Authorization": f"Bearer {access}"}
        )

    async def sign_up(
        self, email: str, password: str = PASSWORD, name: str = "Ada Lovelace"
    ) -> Response:
        return await self.post("sign-up", email=email, password=password, name=name)

    async def sign_in(self, email: str, password: str = PASSWORD, **codes: str) -> Response:
        return await self.post("sign-in", email=email, password=password, **codes)

    async def forgot(self, email: str) -> Response:
        """Request a mail with a link to reset the password."""
        return await self.post("password/forgot", email=email)

    async def tokens(self, email: str, password: str = PASSWORD, **codes: str) -> tuple[str, str]:
        """Sign in, and return the access and the refresh token."""
        response = await self.sign_in(email, password, **codes)
        assert response.status_code == 200, response.text
        return response.json()["access_token"], response.json()["refresh_token"]


@dataclass(frozen=True)
class Account:
    """A verified account whose password is PASSWORD."""

    id: UUID
    email: str


async def backdate(table: str, column: str, by: str) -> None:
    """Move a time column of every row back by an interval, as if that time had passed."""
    async with unit_of_work() as session:
        await session.execute(
            text(f"UPDATE {table} SET {column} = {column} - interval '{by}'")  # noqa: S608 - the arguments are literals of tests
        )


async def actions() -> list[str]:
    """List the actions of all security events, oldest first."""
    async with unit_of_work() as session:
        return list(await session.scalars(text("SELECT action FROM security_events ORDER BY id")))
