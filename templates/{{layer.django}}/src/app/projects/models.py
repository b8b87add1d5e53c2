from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db import models

from app.core import validators
from app.core.models import Identified, Manager, TenantManager, Timestamped
from app.core.schemas import fold
from app.projects.schemas import ProjectStatus


class Project(Identified, Timestamped):
    """`name_key` is the case-folded name: unique in the organization, and the key for sorting."""

    organization = models.ForeignKey(
        "organizations.Organization", models.DB_CASCADE, related_name="+", db_index=False
    )
    name = models.CharField(max_length=120, validators=[validators.one_line])
    # Longer than `name`: case folding and normalisation turn one character into up to 18.
    name_key = models.TextField(editable=False)
    description = models.CharField(
        max_length=2000, db_default="", default="", blank=True, validators=[validators.multi_line]
    )
    status = models.CharField(
        max_length=20,
        choices=[(status.value, status.value) for status in ProjectStatus],
        default=ProjectStatus.ACTIVE,
        db_default=ProjectStatus.ACTIVE.value,
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_SET_NULL, related_name="+", null=True, editable=False
    )
    version = models.IntegerField(default=1, db_default=1, editable=False)

    objects = Manager["Project"]()
    tenant = TenantManager["Project"]()

    class Meta:
        db_table = "projects"
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=[status.value for status in ProjectStatus]),
                name="projects_status_check",
            ),
            models.UniqueConstraint(
                fields=("organization", "name_key"),
                name="projects_organization_id_name_key_key",
                violation_error_message="A project with this name exists already.",
            ),
        )
        indexes = (
            models.Index(fields=("organization", "created_at", "id"), name="projects_newest_idx"),
            models.Index(
                fields=("organization", "status", "created_at", "id"), name="projects_status_idx"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        # Normalise the values of a form as the API does.
        self.name_key = fold(self.name)
        self.description = self.description.replace("\r\n", "\n")

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        # Also the unique constraint, whose fields are not in every form.
        super().validate_constraints(exclude={*(exclude or ())} - {"organization", "name_key"})

    def save(self, **options: Any) -> None:
        self.name_key = fold(self.name)
        super().save(**options)
