"""Users and organizations for tests."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from httpx2 import Client, Response
from sqlalchemy import TableClause, func, select, text

from app.accounts.models import User, UserSession
from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.core.security import access_tokens, passwords
from app.core.security.roles import Role
from app.organizations.models import Membership


@dataclass
class SignedInUser:
    """A user with a session, and a client to send requests with its access token."""

    id: UUID
    email: str
    session_id: UUID
    token: str
    client: Client

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def request(self, method: str, path: str, **arguments: Any) -> Response:
        """Send a request as this user; `path` is below /api/v1."""
        headers = self.headers | arguments.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **arguments)


@dataclass
class Factory:
    """Creates users, without the slow sign-up through the API, and organizations."""

    client: Client
    user_count: int = 0

    def user(self, name: str | None = None, password: str | None = None) -> SignedInUser:
        """Create a verified user with a session; without a password, only the token works."""
        self.user_count += 1
        name = name or f"user{self.user_count}"
        with unit_of_work() as session:
            user = User(
                email=f"{name}-{self.user_count}@example.com",
                name=name.title(),
                email_verified_at=func.clock_timestamp(),
                password_hash=passwords.hash_password(password) if password else None,
            )
            session.add(user)
        session_id = self.user_session(user.id)
        token = access_tokens.issue(user_id=user.id, session_id=session_id)
        return SignedInUser(user.id, user.email, session_id, token, self.client)

    def user_session(self, user_id: UUID) -> UUID:
        """Create a session of a user; return its id."""
        with unit_of_work() as session:
            user_session = UserSession(
                user_id=user_id, expires_at=text("clock_timestamp() + interval '30 days'")
            )
            session.add(user_session)
            session.flush()
            return user_session.id

    def organization(self, owner: SignedInUser, name: str = "Acme") -> UUID:
        """Create an organization through the API."""
        response = owner.request("POST", "/organizations", json={"name": name})
        assert response.status_code == 201, response.text
        return UUID(response.json()["id"])

    def member(self, organization_id: UUID, role: str) -> SignedInUser:
        """Create a user with a role in the organization."""
        user = self.user(role)
        with unit_of_work() as session:
            tenancy.enter_organization(session, organization_id)
            session.add(
                Membership(organization_id=organization_id, user_id=user.id, role=Role(role))
            )
        return user

    def count(self, table: str) -> int:
        """Count the rows of a table that has no `organization_id`."""
        with unit_of_work() as session:
            return session.scalar(select(func.count()).select_from(TableClause(table))) or 0
