from django.conf import settings
from django.db import models

from app.core.models import ClockTimestamp, Identified, Manager, TenantManager


class ApiKey(Identified):
    """Stores the SHA-256 of the key, and its first eight characters for display."""

    organization = models.ForeignKey(
        "organizations.Organization", models.DB_CASCADE, related_name="+", db_index=False
    )
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=20)
    key_hash = models.BinaryField()
    scopes = models.JSONField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_SET_NULL, related_name="+", null=True
    )
    created_at = models.DateTimeField(db_default=ClockTimestamp())
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = Manager["ApiKey"]()
    tenant = TenantManager["ApiKey"]()

    class Meta:
        db_table = "api_keys"
        verbose_name = "API key"
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "key_hash"), name="api_keys_organization_id_key_hash_key"
            ),
        )

    def __str__(self) -> str:
        return self.name
