"""The audit log."""

import django.db.models.deletion
from django.db import migrations, models

import app.core.ids
import app.core.models
from app.core.db import policies


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEvent",
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
                ("action", models.CharField(max_length=100)),
                ("actor_type", models.CharField(max_length=20)),
                ("actor_id", models.UUIDField(null=True)),
                ("actor_label", models.CharField(max_length=254)),
                ("target_type", models.CharField(max_length=50)),
                ("target_id", models.UUIDField(null=True)),
                ("changes", models.JSONField(default=dict)),
                ("ip", models.GenericIPAddressField(null=True)),
                ("request_id", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
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
                "db_table": "audit_events",
                "ordering": ("-id",),
                "indexes": [
                    models.Index(
                        fields=["organization", "action", "id"], name="audit_events_action_idx"
                    ),
                    models.Index(fields=["actor_id", "id"], name="audit_events_actor_idx"),
                ],
            },
        ),
        # Append-only: with no policy for UPDATE and DELETE, both find no row.
        policies.enable("audit_events"),
        policies.policy(
            "tenant_read",
            "audit_events",
            f"FOR SELECT USING (organization_id = {policies.ORGANIZATION} OR {policies.STAFF})",
        ),
        policies.policy(
            "tenant_append",
            "audit_events",
            "FOR INSERT WITH CHECK"
            f" (organization_id = {policies.ORGANIZATION} OR {policies.STAFF})",
        ),
        policies.primary_key("audit_events"),
    ]
