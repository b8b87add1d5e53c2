"""Rows to arrange tests with, made straight in the database: quick, and no test of the API.

Relations are named by id, which is what a test has in hand; what is not named is made as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import connection
from django.db.models import Model
from django.db.models.functions import Now
from factory import LazyAttributeSequence, LazyFunction, Sequence
from factory.django import DjangoModelFactory, Password
from httpx2 import Client, Response

from app.accounts.models import (
    EmailToken,
    Identity,
    RefreshToken,
    SecurityEvent,
    User,
    UserSession,
)
from app.api_keys.models import ApiKey
from app.audit.models import AuditEvent
from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.core.ids import uuid7
from app.core.models import IdempotencyKey, OutboxEntry
from app.core.security import access_tokens
from app.organizations.models import Invitation, Membership, Organization
from app.projects.models import Project


class UserFactory(DjangoModelFactory[User]):
    """A user who can sign in, if there is a password."""

    class Meta:
        model = User

    name = Sequence(lambda number: f"Person{number}")
    email = LazyAttributeSequence(lambda user, number: f"{user.name.lower()}-{number}@example.com")
    email_verified_at = Now()
    password = Password(None)


class UserOwnedFactory[M: Model](DjangoModelFactory[M]):
    class Meta:
        abstract = True

    user_id = LazyFunction(lambda: UserFactory.create().id)


class UserSessionFactory(UserOwnedFactory[UserSession]):
    """A sign-in."""

    class Meta:
        model = UserSession

    expires_at = Now() + timedelta(days=30)


class RefreshTokenFactory(DjangoModelFactory[RefreshToken]):
    """One generation of a refresh token. The token itself does not exist."""

    class Meta:
        model = RefreshToken

    session_id = LazyFunction(lambda: UserSessionFactory.create().id)
    token_hash = LazyFunction(lambda: uuid7().bytes)


class EmailTokenFactory(UserOwnedFactory[EmailToken]):
    """A link to choose another password."""

    class Meta:
        model = EmailToken

    purpose = EmailToken.Purpose.RESET_PASSWORD
    expires_at = Now() + timedelta(hours=1)


class IdentityFactory(UserOwnedFactory[Identity]):
    """An account at an OpenID provider."""

    class Meta:
        model = Identity

    issuer = "https://id.example.com"
    subject = Sequence(str)


class SecurityEventFactory(UserOwnedFactory[SecurityEvent]):
    """Something that happened to an account."""

    class Meta:
        model = SecurityEvent

    action = "test.happened"
    request_id = "-"


class AuthenticatorFactory(UserOwnedFactory[Authenticator]):
    """A second factor, for show: it opens nothing."""

    class Meta:
        model = Authenticator

    type = Authenticator.Type.RECOVERY_CODES
    data = LazyFunction(dict)


class OrganizationFactory(DjangoModelFactory[Organization]):
    """A tenant without members."""

    class Meta:
        model = Organization

    id = LazyFunction(uuid7)
    name = "Acme"

    @classmethod
    def _create(cls, model_class: type[Organization], *_: Any, **values: Any) -> Organization:
        with unit_of_work():
            tenancy.enter_organization(values["id"])
            return model_class.objects.create(**values)


class TenantOwnedFactory[M: Model](DjangoModelFactory[M]):
    """A row in a transaction of its own, open to its organization as the policies demand."""

    class Meta:
        abstract = True

    organization_id = LazyFunction(lambda: OrganizationFactory.create().id)

    @classmethod
    def _create(cls, model_class: type[M], *_: Any, **values: Any) -> M:
        with unit_of_work():
            tenancy.enter_organization(values["organization_id"])
            return model_class._default_manager.create(**values)


class MembershipFactory(TenantOwnedFactory[Membership], UserOwnedFactory[Membership]):
    """A membership of a new user in a new organization."""

    class Meta:
        model = Membership

    role = "member"


class InvitationFactory(TenantOwnedFactory[Invitation]):
    """An open invitation."""

    class Meta:
        model = Invitation

    email = Sequence(lambda number: f"guest-{number}@example.com")
    role = "member"
    expires_at = Now() + timedelta(days=7)


class ProjectFactory(TenantOwnedFactory[Project]):
    """An active project."""

    class Meta:
        model = Project

    name = Sequence(lambda number: f"Project {number}")


class ApiKeyFactory(TenantOwnedFactory[ApiKey]):
    """An API key. The key itself does not exist."""

    class Meta:
        model = ApiKey

    name = "CI"
    prefix = "sk_12345678"
    key_hash = LazyFunction(lambda: uuid7().bytes)
    scopes = ("projects:read",)


class AuditEventFactory(TenantOwnedFactory[AuditEvent]):
    """An event in an organization's log."""

    class Meta:
        model = AuditEvent

    action = "test.happened"
    actor_type = "system"
    actor_label = "test"
    target_type = "organization"
    request_id = "-"


class OutboxEntryFactory(DjangoModelFactory[OutboxEntry]):
    """A job that is due."""

    class Meta:
        model = OutboxEntry

    job = "core.purge"


class IdempotencyKeyFactory(DjangoModelFactory[IdempotencyKey]):
    """A claimed key."""

    class Meta:
        model = IdempotencyKey

    caller = "user"
    route = "POST /"
    key = Sequence(str)
    fingerprint = b""
    claim = LazyFunction(uuid7)
    expires_at = Now() + timedelta(hours=24)


def every_factory() -> list[type[DjangoModelFactory[Any]]]:
    """Return the factories of this file and of the modules, which are in tests/*/factories.py."""
    for path in Path(__file__).parent.glob("*/factories.py"):
        import_module(f"tests.{path.parent.name}.factories")

    def below(base: type[DjangoModelFactory[Any]]) -> Iterator[type[DjangoModelFactory[Any]]]:
        for factory in base.__subclasses__():
            if not factory._meta.abstract:
                yield factory
            yield from below(factory)

    return list(dict.fromkeys(below(DjangoModelFactory)))


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

    def user(self, name: str | None = None, password: str | None = None) -> SignedInUser:
        """Create a verified user with a session; without a password, only the token works."""
        named = {"name": name.title()} if name else {}
        user = UserFactory.create(password=password, **named)
        session_id = self.user_session(user.id)
        token = access_tokens.issue(user_id=user.id, session_id=session_id)
        return SignedInUser(user.id, user.email, session_id, token, self.client)

    def user_session(self, user_id: UUID) -> UUID:
        """Create a session of a user; return its id."""
        return UserSessionFactory.create(user_id=user_id).id

    def organization(self, owner: SignedInUser, name: str = "Acme") -> UUID:
        """Create an organization through the API."""
        answer = owner.request("POST", "/organizations", json={"name": name})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    def member(self, organization_id: UUID, role: str) -> SignedInUser:
        """Create a user with a role in the organization."""
        user = self.user(role)
        MembershipFactory.create(organization_id=organization_id, user_id=user.id, role=role)
        return user

    def count(self, table: str) -> int:
        """Count the rows of a table that has no `organization_id`."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - the argument is a literal of a test
            (found,) = cursor.fetchone()
        return int(found)
