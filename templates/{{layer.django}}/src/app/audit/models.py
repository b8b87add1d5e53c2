from dataclasses import dataclass
from uuid import UUID

from django.db import models

from app.core.context import Actor
from app.core.models import ClockTimestamp, Identified, Manager, TenantManager


@dataclass(frozen=True, slots=True)
class Target:
    """The target of an event; without an id when there is only one of its type."""

    type: str
    id: UUID | None


class AuditEvent(Identified):
    """Append-only: the policies allow the service to insert and read, not to change or delete."""

    organization = models.ForeignKey(
        "organizations.Organization", models.DB_CASCADE, related_name="+", db_index=False
    )
    action = models.CharField(max_length=100)
    # Copies, not foreign keys: the log is kept when the actor or the target is deleted.
    actor_type = models.CharField(max_length=20)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=254)
    target_type = models.CharField(max_length=50)
    target_id = models.UUIDField(null=True)
    changes = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=ClockTimestamp())

    objects = Manager["AuditEvent"]()
    tenant = TenantManager["AuditEvent"]()

    class Meta:
        db_table = "audit_events"
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("organization", "action", "id"), name="audit_events_action_idx"),
            # The page of a user in the admin, over all organizations.
            models.Index(fields=("actor_id", "id"), name="audit_events_actor_idx"),
        )

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_label}"

    @property
    def actor(self) -> Actor:
        """Who did it."""
        return Actor(self.actor_type, self.actor_id, self.actor_label)  # type: ignore[arg-type]  # a string for Django, written from `Actor.type`

    @property
    def target(self) -> Target:
        """What it was done to."""
        return Target(self.target_type, self.target_id)
