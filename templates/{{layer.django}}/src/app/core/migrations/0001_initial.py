"""Outbox and idempotency keys."""

from django.db import migrations, models

import app.core.ids
import app.core.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="IdempotencyKey",
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
                ("caller", models.CharField(max_length=100)),
                ("route", models.CharField(max_length=300)),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.BinaryField()),
                ("claim", models.UUIDField()),
                ("claimed_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                ("expires_at", models.DateTimeField()),
                ("status", models.IntegerField(null=True)),
                ("answer", models.BinaryField(null=True)),
            ],
            options={
                "db_table": "idempotency_keys",
                "indexes": [
                    models.Index(models.F("expires_at"), name="idempotency_keys_expires_idx")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("caller", "route", "key"),
                        name="idempotency_keys_caller_route_key_key",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OutboxEntry",
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
                ("job", models.CharField(max_length=100)),
                ("arguments", models.JSONField(default=dict)),
                ("context", models.JSONField(default=dict)),
                ("schedule_key", models.CharField(max_length=200, null=True, unique=True)),
                ("created_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                ("available_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                ("dispatched_at", models.DateTimeField(null=True)),
                ("dispatches", models.IntegerField(db_default=0)),
                ("started_at", models.DateTimeField(null=True)),
                ("attempts", models.IntegerField(db_default=0)),
                ("done_at", models.DateTimeField(null=True)),
                ("dead_lettered_at", models.DateTimeField(null=True)),
                ("last_error", models.TextField(null=True)),
            ],
            options={
                "verbose_name": "job",
                "db_table": "outbox",
                "indexes": [
                    models.Index(
                        models.F("available_at"),
                        condition=models.Q(("dead_lettered_at", None), ("done_at", None)),
                        name="outbox_due_idx",
                    ),
                    models.Index(
                        models.F("done_at"),
                        condition=models.Q(("done_at__isnull", False)),
                        name="outbox_done_idx",
                    ),
                ],
            },
        ),
    ]
