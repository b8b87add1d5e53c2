"""API keys."""

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
            name="ApiKey",
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
                ("name", models.CharField(max_length=120)),
                ("prefix", models.CharField(max_length=20)),
                ("key_hash", models.BinaryField()),
                ("scopes", models.JSONField()),
                ("created_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                ("expires_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
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
                "verbose_name": "API key",
                "db_table": "api_keys",
                "ordering": ("id",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "key_hash"),
                        name="api_keys_organization_id_key_hash_key",
                    )
                ],
            },
        ),
        *policies.tenant("api_keys"),
    ]
