"""Factories for accounts, organizations and members, through the HTTP API."""

import secrets
import time
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from .concurrency import map_concurrently
from .drivers import Driver, Tokens
from .mailbox import Mailbox

# Access tokens expire after 600 s; a new one is fetched after half of that.
_FRESH_SECONDS = 300


def unique(prefix: str = "thing") -> str:
    return f"{prefix} {secrets.token_hex(6)}"


class _SessionAuth(httpx2.Auth):
    def __init__(self, account: "Account") -> None:
        self.account = account

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers.setdefault("Authorization", f"Bearer {self.account.access()}")
        yield request


class Account:
    """A user with a verified address; `api` is an HTTP client signed in as that user."""

    def __init__(self, driver: Driver, email: str, password: str, name: str) -> None:
        self.driver = driver
        self.email = email
        self.password = password
        self.name = name
        self._tokens: Tokens | None = None
        self._since = 0.0
        self.api = httpx2.Client(
            base_url=driver.http.base_url, auth=_SessionAuth(self), timeout=driver.http.timeout
        )
        self._id = ""

    def access(self) -> str:
        """Return an access token valid for at least five minutes."""
        if self._tokens is None or time.monotonic() - self._since > _FRESH_SECONDS:
            self._tokens = self.driver.sign_in(self.email, self.password).require_tokens()
            self._since = time.monotonic()
        return self._tokens.access

    def new_session(self) -> Tokens:
        """Sign in again; return the tokens of the additional session."""
        return self.driver.sign_in(self.email, self.password).require_tokens()

    @property
    def id(self) -> str:
        if not self._id:
            self._id = self.api.get("/api/v1/me").json()["id"]
        return self._id


@dataclass(frozen=True)
class Organization:
    """An organization; `path` is its URL path."""

    id: str
    owner: Account

    @property
    def path(self) -> str:
        return f"/api/v1/organizations/{self.id}"

    def invite(self, email: str, role: str = "viewer", **headers: str) -> None:
        """Invite an address as the owner; a job sends the mail."""
        response = self.owner.api.post(
            f"{self.path}/invitations", json={"email": email, "role": role}, headers=headers
        )
        assert response.status_code == 201, response.text

    def project(self, name: str | None = None, **fields: Any) -> dict[str, Any]:
        """Create a project as the owner; return the response body."""
        response = self.owner.api.post(
            f"{self.path}/projects", json={"name": name or unique("project"), **fields}
        )
        assert response.status_code == 201, response.text
        project: dict[str, Any] = response.json()
        return project

    def import_projects(self, names: Sequence[str], description: str = "") -> None:
        """Create projects in one import request as the owner."""
        rows = [{"name": name, "description": description} for name in names]
        response = self.owner.api.post(f"{self.path}/projects/import", json={"items": rows})
        assert response.status_code == 201, response.text
        assert response.json() == {"created": len(names)}

    def key(self, *scopes: str, **fields: Any) -> dict[str, Any]:
        """Create an API key as the owner; return the response body, with the key."""
        response = self.owner.api.post(
            f"{self.path}/api-keys",
            json={"name": unique("key"), "scopes": list(scopes), **fields},
        )
        assert response.status_code == 201, response.text
        key: dict[str, Any] = response.json()
        return key


@dataclass(frozen=True)
class Team:
    """An organization with one member per role; `stranger` owns another organization."""

    organization: Organization
    owner: Account
    admin: Account
    member: Account
    viewer: Account
    stranger: Account

    def of(self, role: str) -> Account:
        account: Account = getattr(self, role)
        return account


class Factory:
    """Creates accounts, organizations and memberships."""

    def __init__(self, driver: Driver, mailbox: Mailbox) -> None:
        self.driver = driver
        self.mailbox = mailbox
        self._invited: Counter[str] = Counter()
        self._accounts: list[Account] = []

    def close(self) -> None:
        for account in self._accounts:
            account.api.close()

    @staticmethod
    def address(name: str = "someone") -> str:
        return f"{name}-{secrets.token_hex(6)}@example.com"

    @staticmethod
    def password() -> str:
        return f"correct {secrets.token_hex(8)} staple"

    def register(self, name: str = "someone", *, email: str = "", password: str = "") -> Account:
        """Sign up and verify the email address."""
        account = Account(
            self.driver,
            email or self.address(name),
            password or self.password(),
            f"{name.capitalize()} Example",
        )
        self._accounts.append(account)
        assert self.driver.sign_up(account.email, account.password, account.name).ok
        token = self.mailbox.token("verify-email", account.email)
        assert self.driver.verify(token).ok
        return account

    def register_all(self, *names: str) -> list[Account]:
        return map_concurrently(self.register, names)

    def organization(self, owner: Account, name: str = "") -> Organization:
        response = owner.api.post(
            "/api/v1/organizations", json={"name": name or unique("organization")}
        )
        assert response.status_code == 201, response.text
        return Organization(response.json()["id"], owner)

    def invite(self, organization: Organization, email: str, role: str) -> str:
        """Invite an address; return the token from the mail."""
        organization.invite(email, role)
        self._invited[email] += 1
        return self.mailbox.tokens("accept-invitation", email, at_least=self._invited[email])[-1]

    def add(self, organization: Organization, account: Account, role: str) -> None:
        """Make an account a member by invitation and acceptance."""
        token = self.invite(organization, account.email, role)
        response = account.api.post("/api/v1/invitations/accept", json={"token": token})
        assert response.status_code in (200, 201), response.text

    def team(self) -> Team:
        owner, admin, member, viewer, stranger = self.register_all(
            "owner", "admin", "member", "viewer", "stranger"
        )
        organization = self.organization(owner)
        self.organization(stranger)
        roles = {"admin": admin, "member": member, "viewer": viewer}
        map_concurrently(lambda role: self.add(organization, roles[role], role), roles)
        return Team(organization, owner, admin, member, viewer, stranger)
