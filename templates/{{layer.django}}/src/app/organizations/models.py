"""Organizations (the tenants), memberships and invitations."""

from django.conf import settings
from django.db import models

from app.core import validators
from app.core.models import ClockTimestamp, Identified, Manager, TenantManager, Timestamped
from app.core.security.roles import Role

ROLES = [(role.value, role.value) for role in Role]


def _known_role(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=models.Q(role__in=[role.value for role in Role]), name=name
    )


class Organization(Identified, Timestamped):
    """A tenant. Its policies compare `id`; those of other tables compare `organization_id`."""

    name = models.CharField(max_length=120, validators=[validators.one_line])
    version = models.IntegerField(db_default=1, editable=False)

    objects = Manager["Organization"]()
    tenant = TenantManager["Organization"]("id")

    class Meta:
        db_table = "organizations"
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class Membership(Identified):
    """A user's role in an organization."""

    organization = models.ForeignKey(
        Organization, models.DB_CASCADE, related_name="memberships", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="memberships", db_index=False
    )
    role = models.CharField(max_length=20, choices=ROLES)
    created_at = models.DateTimeField(db_default=ClockTimestamp(), editable=False)

    objects = Manager["Membership"]()
    tenant = TenantManager["Membership"]()

    class Meta:
        db_table = "memberships"
        constraints = (
            _known_role("memberships_role_check"),
            models.UniqueConstraint(
                fields=("organization", "user"), name="memberships_organization_id_user_id_key"
            ),
        )
        indexes = (
            models.Index(
                fields=("organization", "created_at", "user"), name="memberships_joined_idx"
            ),
            models.Index(fields=("user", "organization"), name="memberships_user_idx"),
        )

    def __str__(self) -> str:
        return self.role


class Invitation(Identified):
    """An open invitation. Its token is signed from `id`; accepting or revoking deletes the row."""

    organization = models.ForeignKey(
        Organization, models.DB_CASCADE, related_name="invitations", db_index=False
    )
    email = models.EmailField("e-mail address", max_length=254)
    role = models.CharField(max_length=20, choices=ROLES)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_SET_NULL, related_name="+", null=True, editable=False
    )
    created_at = models.DateTimeField(db_default=ClockTimestamp(), editable=False)
    expires_at = models.DateTimeField(db_index=True)

    objects = Manager["Invitation"]()
    tenant = TenantManager["Invitation"]()

    class Meta:
        db_table = "invitations"
        ordering = ("id",)
        constraints = (
            _known_role("invitations_role_check"),
            models.UniqueConstraint(
                fields=("organization", "email"), name="invitations_organization_id_email_key"
            ),
        )

    def __str__(self) -> str:
        return self.email
