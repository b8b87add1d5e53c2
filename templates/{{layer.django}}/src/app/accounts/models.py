"""Users, their sessions and credentials.

Second factors and passkeys are allauth's own model, `allauth.mfa.models.Authenticator`.
"""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Now

from app.core import validators
from app.core.ids import uuid7
from app.core.models import ClockTimestamp, Identified, Manager
from app.core.schemas import normalise_email


class UserManager(Manager["User"], BaseUserManager["User"]):
    """Creates users; stores addresses in lower case and NFC."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return normalise_email(email or "")

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=self.normalize_email(username))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **fields, is_staff=True, is_superuser=True)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, identified by the address. A disabled account is not `is_active`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField("e-mail address", max_length=254, unique=True)
    name = models.CharField(max_length=120, validators=[validators.one_line])
    # Sign-in is refused until then. allauth's `EmailAddress` is not used.
    email_verified_at = models.DateTimeField("verified", null=True, blank=True)
    is_active = models.BooleanField("active", default=True)
    is_staff = models.BooleanField("staff", default=False, help_text="May open the admin.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        db_table = "users"
        ordering = ("email",)
        permissions = (("impersonate_user", "Can impersonate a user"),)

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        self.email = UserManager.normalize_email(self.email)

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class UserSession(Identified):
    """One sign-in on one device; its access tokens, refresh tokens and cookie end with it.

    Django's session belongs to it and is worth nothing without it: see `app.accounts.sessions`.
    """

    user = models.ForeignKey(User, models.DB_CASCADE, related_name="sessions", db_index=False)
    created_at = models.DateTimeField(db_default=ClockTimestamp())
    last_used_at = models.DateTimeField(db_default=ClockTimestamp())
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True)
    user_agent = models.CharField(max_length=300, null=True)  # noqa: DJ001 - unknown is not empty
    ip = models.CharField("address", max_length=45, null=True)  # noqa: DJ001 - unknown is not empty
    # SHA-256 of a browser's cookie, which is the key of Django's session.
    cookie_hash = models.BinaryField(null=True, unique=True)
    # The key of Django's session of a client with tokens, which never sees the key.
    django_session_key = models.CharField(max_length=40, null=True, unique=True)  # noqa: DJ001 - empty strings would not be unique
    # During an impersonation: the staff's own session, with which this one ends.
    staff_session = models.ForeignKey(
        "self", models.DB_CASCADE, related_name="+", null=True, verbose_name="session of the staff"
    )

    objects = Manager["UserSession"]()

    class Meta:
        db_table = "sessions"
        verbose_name = "session"
        indexes = (models.Index(fields=("user", "created_at", "id"), name="sessions_list_idx"),)

    def __str__(self) -> str:
        return str(self.id)


class RefreshToken(Identified):
    """One generation of a session's refresh token, stored as SHA-256, used at most once."""

    session = models.ForeignKey(UserSession, models.DB_CASCADE, related_name="refresh_tokens")
    token_hash = models.BinaryField(unique=True)
    created_at = models.DateTimeField(db_default=ClockTimestamp())
    used_at = models.DateTimeField(null=True)

    objects = Manager["RefreshToken"]()

    class Meta:
        db_table = "refresh_tokens"

    def __str__(self) -> str:
        return str(self.id)


class EmailToken(Identified):
    """A link sent by mail. The token is an HMAC of `id`: reading this table reveals no token.

    A pending sign-up has its own password and name, which take effect when its link is opened:
    signing up with a stranger's address first gains nothing (account pre-hijacking).
    """

    class Purpose(models.TextChoices):
        VERIFY_EMAIL = "verify_email"
        RESET_PASSWORD = "reset_password"  # noqa: S105 - a purpose, no secret

    user = models.ForeignKey(User, models.DB_CASCADE, related_name="email_tokens")
    purpose = models.CharField(max_length=20, choices=Purpose)
    password_hash = models.CharField(max_length=128, null=True)  # noqa: DJ001 - null for purposes without one
    name = models.CharField(max_length=120, null=True)  # noqa: DJ001 - null for purposes without one
    created_at = models.DateTimeField(db_default=ClockTimestamp())
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    objects = Manager["EmailToken"]()

    class Meta:
        db_table = "email_tokens"
        verbose_name = "link"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(purpose__in=("verify_email", "reset_password")),
                name="email_tokens_purpose_check",
            ),
        )

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"


class Identity(Identified):
    """An account at an OpenID provider, identified by `(issuer, subject)`, never by the address."""

    user = models.ForeignKey(User, models.DB_CASCADE, related_name="identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=ClockTimestamp())

    objects = Manager["Identity"]()

    class Meta:
        db_table = "identities"
        verbose_name_plural = "identities"
        constraints = (
            models.UniqueConstraint(
                fields=("issuer", "subject"), name="identities_issuer_subject_key"
            ),
        )

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class SecurityEvent(Identified):
    """The append-only history of an account. Organizations have `audit_events` instead."""

    user = models.ForeignKey(User, models.DB_CASCADE, related_name="security_events")
    action = models.CharField(max_length=100)
    ip = models.CharField("address", max_length=45, null=True)  # noqa: DJ001 - unknown is not empty
    user_agent = models.CharField(max_length=300, null=True)  # noqa: DJ001 - unknown is not empty
    request_id = models.CharField(max_length=64)
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=ClockTimestamp())

    objects = Manager["SecurityEvent"]()

    class Meta:
        db_table = "security_events"

    def __str__(self) -> str:
        return f"{self.action} {self.id}"
