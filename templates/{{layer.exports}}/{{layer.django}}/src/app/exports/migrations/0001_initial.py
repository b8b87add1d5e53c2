"""Exports."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import app.core.ids
import app.core.models
from app.core.db import policies


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
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
                ("format", models.CharField(max_length=10)),
                ("status", models.CharField(db_default="queued", max_length=20)),
                ("failure", models.CharField(max_length=20, null=True)),
                ("job_id", models.UUIDField()),
                ("created_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("content", models.BinaryField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "exports",
                "ordering": ("-id",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("format__in", ["csv", "json"])),
                        name="exports_format_check",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ("queued", "succeeded", "failed"))),
                        name="exports_status_check",
                    ),
                ],
            },
        ),
        *policies.tenant("exports"),
    ]
