"""Rows to arrange tests with, made straight in the database: quick, and no test of the API.

Relations are named by id, which is what a test has in hand; what is not named is made as well.
"""

from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Model
from django.db.models.functions import Now
from factory import LazyAttributeSequence, LazyFunction, Sequence
from factory.django import DjangoModelFactory, Password

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
from app.exports.models import Export
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


class _OfUser[M: Model](DjangoModelFactory[M]):
    class Meta:
        abstract = True

    user_id = LazyFunction(lambda: UserFactory.create().id)


class UserSessionFactory(_OfUser[UserSession]):
    """A sign-in."""

    class Meta:
        model = UserSession

    expires_at = Now() + timedelta(days=30)


class RefreshTokenFactory(DjangoModelFactory[RefreshToken]):
    """One generation of a session's refresh token, which nobody knows."""

    class Meta:
        model = RefreshToken

    session_id = LazyFunction(lambda: UserSessionFactory.create().id)
    token_hash = LazyFunction(lambda: uuid7().bytes)


class EmailTokenFactory(_OfUser[EmailToken]):
    """A link to choose another password."""

    class Meta:
        model = EmailToken

    purpose = EmailToken.Purpose.RESET_PASSWORD
    expires_at = Now() + timedelta(hours=1)


class IdentityFactory(_OfUser[Identity]):
    """An account at an OpenID provider."""

    class Meta:
        model = Identity

    issuer = "https://id.example.com"
    subject = Sequence(str)


class SecurityEventFactory(_OfUser[SecurityEvent]):
    """Something that happened to an account."""

    class Meta:
        model = SecurityEvent

    action = "test.happened"
    request_id = "-"


class AuthenticatorFactory(_OfUser[Authenticator]):
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


class _OfOrganization[M: Model](DjangoModelFactory[M]):
    """A row in a transaction of its own, open to its organization as the policies demand."""

    class Meta:
        abstract = True

    organization_id = LazyFunction(lambda: OrganizationFactory.create().id)

    @classmethod
    def _create(cls, model_class: type[M], *_: Any, **values: Any) -> M:
        with unit_of_work():
            tenancy.enter_organization(values["organization_id"])
            return model_class._default_manager.create(**values)


class MembershipFactory(_OfOrganization[Membership], _OfUser[Membership]):
    """Somebody's role in an organization."""

    class Meta:
        model = Membership

    role = "member"


class InvitationFactory(_OfOrganization[Invitation]):
    """An open invitation."""

    class Meta:
        model = Invitation

    email = Sequence(lambda number: f"guest-{number}@example.com")
    role = "member"
    expires_at = Now() + timedelta(days=7)


class ProjectFactory(_OfOrganization[Project]):
    """An active project."""

    class Meta:
        model = Project

    name = Sequence(lambda number: f"Project {number}")


class ApiKeyFactory(_OfOrganization[ApiKey]):
    """A key that nobody has."""

    class Meta:
        model = ApiKey

    name = "CI"
    prefix = "sk_12345678"
    key_hash = LazyFunction(lambda: uuid7().bytes)
    scopes = ("projects:read",)


class ExportFactory(_OfOrganization[Export]):
    """An export that no job will write."""

    class Meta:
        model = Export

    format = "csv"
    job_id = LazyFunction(uuid7)
    expires_at = Now() + timedelta(days=7)


class AuditEventFactory(_OfOrganization[AuditEvent]):
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


# What the admin shows.
EVERY = (
    UserFactory,
    UserSessionFactory,
    RefreshTokenFactory,
    EmailTokenFactory,
    IdentityFactory,
    SecurityEventFactory,
    AuthenticatorFactory,
    OrganizationFactory,
    MembershipFactory,
    InvitationFactory,
    ProjectFactory,
    ApiKeyFactory,
    ExportFactory,
    AuditEventFactory,
    OutboxEntryFactory,
    IdempotencyKeyFactory,
)
