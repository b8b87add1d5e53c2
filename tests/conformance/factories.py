"""Accounts, organizations and members, made through the service's own doors."""

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

# Access tokens live ten minutes; sign in again well before.
_FRESH_SECONDS = 300


def unique(prefix: str = "thing") -> str:
    """Make a name that nothing else has."""
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
    """A verified user. `api` is a client that is signed in as them."""

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
        """Return an access token that is good for some minutes."""
        if self._tokens is None or time.monotonic() - self._since > _FRESH_SECONDS:
            self._tokens = self.driver.sign_in(self.email, self.password).require_tokens()
            self._since = time.monotonic()
        return self._tokens.access

    def new_session(self) -> Tokens:
        """Sign in once more, as on another device."""
        return self.driver.sign_in(self.email, self.password).require_tokens()

    @property
    def id(self) -> str:
        """The user's id."""
        if not self._id:
            self._id = self.api.get("/api/v1/me").json()["id"]
        return self._id


@dataclass(frozen=True)
class Organization:
    """An organization; `path` is its address."""

    id: str
    owner: Account

    @property
    def path(self) -> str:
        return f"/api/v1/organizations/{self.id}"

    def project(self, name: str | None = None, **fields: Any) -> dict[str, Any]:
        """Make a project as the owner."""
        response = self.owner.api.post(
            f"{self.path}/projects", json={"name": name or unique("project"), **fields}
        )
        assert response.status_code == 201, response.text
        project: dict[str, Any] = response.json()
        return project

    def import_projects(self, names: Sequence[str], description: str = "") -> None:
        """Make many projects in one request."""
        rows = [{"name": name, "description": description} for name in names]
        response = self.owner.api.post(f"{self.path}/projects/import", json={"items": rows})
        assert response.status_code == 201, response.text
        assert response.json() == {"created": len(names)}

    def key(self, *scopes: str, **fields: Any) -> dict[str, Any]:
        """Make an API key as the owner; the answer, with the key itself."""
        response = self.owner.api.post(
            f"{self.path}/api-keys",
            json={"name": unique("key"), "scopes": list(scopes), **fields},
        )
        assert response.status_code == 201, response.text
        key: dict[str, Any] = response.json()
        return key


@dataclass(frozen=True)
class Team:
    """An organization with one member of each role, and a stranger who owns another."""

    organization: Organization
    owner: Account
    admin: Account
    member: Account
    viewer: Account
    stranger: Account

    def of(self, role: str) -> Account:
        """Return the one who has this role."""
        account: Account = getattr(self, role)
        return account


class Factory:
    """Makes users and organizations."""

    def __init__(self, driver: Driver, mailbox: Mailbox) -> None:
        self.driver = driver
        self.mailbox = mailbox
        self._invited: Counter[str] = Counter()
        self._accounts: list[Account] = []

    def close(self) -> None:
        """Close all connections."""
        for account in self._accounts:
            account.api.close()

    @staticmethod
    def address(name: str = "someone") -> str:
        """Make an address that nobody has."""
        return f"{name}-{secrets.token_hex(6)}@example.com"

    @staticmethod
    def password() -> str:
        """Make a good password."""
        return f"correct {secrets.token_hex(8)} staple"

    def register(self, name: str = "someone", *, email: str = "", password: str = "") -> Account:
        """Sign up and verify the address."""
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
        """Register several at once."""
        return map_concurrently(self.register, names)

    def organization(self, owner: Account, name: str = "") -> Organization:
        """Found an organization."""
        response = owner.api.post(
            "/api/v1/organizations", json={"name": name or unique("organization")}
        )
        assert response.status_code == 201, response.text
        return Organization(response.json()["id"], owner)

    def invite(self, organization: Organization, email: str, role: str) -> str:
        """Invite an address; the token of the mail."""
        response = organization.owner.api.post(
            f"{organization.path}/invitations", json={"email": email, "role": role}
        )
        assert response.status_code == 201, response.text
        self._invited[email] += 1
        return self.mailbox.tokens("accept-invitation", email, at_least=self._invited[email])[-1]

    def add(self, organization: Organization, account: Account, role: str) -> None:
        """Make an account a member: invitation, mail, acceptance."""
        token = self.invite(organization, account.email, role)
        response = account.api.post("/api/v1/invitations/accept", json={"token": token})
        assert response.status_code in (200, 201), response.text

    def team(self) -> Team:
        """Make an organization with every role in it."""
        owner, admin, member, viewer, stranger = self.register_all(
            "owner", "admin", "member", "viewer", "stranger"
        )
        organization = self.organization(owner)
        self.organization(stranger)
        roles = {"admin": admin, "member": member, "viewer": viewer}
        map_concurrently(lambda role: self.add(organization, roles[role], role), roles)
        return Team(organization, owner, admin, member, viewer, stranger)
