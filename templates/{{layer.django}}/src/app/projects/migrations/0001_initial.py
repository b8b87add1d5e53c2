"""Projects."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import app.core.ids
import app.core.models
import app.core.validators
import app.projects.schemas
from app.core.db import policies


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Project",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=app.core.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=app.core.models.ClockTimestamp(), editable=False
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_default=app.core.models.ClockTimestamp(), editable=False
                    ),
                ),
                (
                    "name",
                    models.CharField(max_length=120, validators=[app.core.validators.one_line]),
                ),
                ("name_key", models.TextField(editable=False)),
                (
                    "description",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=2000,
                        validators=[app.core.validators.multi_line],
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("active", "active"), ("archived", "archived")],
                        db_default="active",
                        default=app.projects.schemas.ProjectStatus["ACTIVE"],
                        max_length=20,
                    ),
                ),
                ("version", models.IntegerField(db_default=1, default=1, editable=False)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
            ],
            options={
                "db_table": "projects",
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(
                        fields=["organization", "created_at", "id"], name="projects_newest_idx"
                    ),
                    models.Index(
                        fields=["organization", "status", "created_at", "id"],
                        name="projects_status_idx",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["active", "archived"])),
                        name="projects_status_check",
                    ),
                    models.UniqueConstraint(
                        fields=("organization", "name_key"),
                        name="projects_organization_id_name_key_key",
                        violation_error_message="A project with this name exists already.",
                    ),
                ],
            },
        ),
        *policies.tenant("projects"),
    ]
