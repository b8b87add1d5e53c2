"""The tables of accounts."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import app.core.ids
import app.core.models
import app.core.validators


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
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
                    "email",
                    models.EmailField(max_length=254, unique=True, verbose_name="e-mail address"),
                ),
                (
                    "name",
                    models.CharField(max_length=120, validators=[app.core.validators.one_line]),
                ),
                (
                    "email_verified_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="verified"),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False, help_text="May open the admin.", verbose_name="staff"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "db_table": "users",
                "ordering": ("email",),
                "permissions": (("impersonate_user", "Can impersonate a user"),),
            },
        ),
        migrations.CreateModel(
            name="SecurityEvent",
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
                ("ip", models.CharField(max_length=45, null=True, verbose_name="address")),
                ("user_agent", models.CharField(max_length=300, null=True)),
                ("request_id", models.CharField(max_length=64)),
                ("details", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="security_events",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "security_events",
            },
        ),
        migrations.CreateModel(
            name="UserSession",
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
                ("created_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                ("last_used_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("user_agent", models.CharField(max_length=300, null=True)),
                ("ip", models.CharField(max_length=45, null=True, verbose_name="address")),
                ("cookie_hash", models.BinaryField(null=True, unique=True)),
                ("django_session_key", models.CharField(max_length=40, null=True, unique=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "staff_session",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="+",
                        to="accounts.usersession",
                        verbose_name="session of the staff",
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "db_table": "sessions",
                "indexes": [
                    models.Index(fields=["user", "created_at", "id"], name="sessions_list_idx")
                ],
            },
        ),
        migrations.CreateModel(
            name="RefreshToken",
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
                ("token_hash", models.BinaryField(unique=True)),
                ("created_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="refresh_tokens",
                        to="accounts.usersession",
                    ),
                ),
            ],
            options={
                "db_table": "refresh_tokens",
            },
        ),
        migrations.CreateModel(
            name="EmailToken",
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
                    "purpose",
                    models.CharField(
                        choices=[
                            ("verify_email", "Verify Email"),
                            ("reset_password", "Reset Password"),
                        ],
                        max_length=20,
                    ),
                ),
                ("password_hash", models.CharField(max_length=128, null=True)),
                ("name", models.CharField(max_length=120, null=True)),
                ("created_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="email_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "link",
                "db_table": "email_tokens",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("purpose__in", ("verify_email", "reset_password"))),
                        name="email_tokens_purpose_check",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Identity",
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
                ("issuer", models.CharField(max_length=255)),
                ("subject", models.CharField(max_length=255)),
                ("created_at", models.DateTimeField(db_default=app.core.models.ClockTimestamp())),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="identities",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "identities",
                "db_table": "identities",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("issuer", "subject"), name="identities_issuer_subject_key"
                    )
                ],
            },
        ),
        # Append-only for the service: there is no policy for changes. Deleting a user still takes
        # the events along, since foreign keys are not bound by policies.
        migrations.RunSQL(
            """
            ALTER TABLE security_events ENABLE ROW LEVEL SECURITY;
            ALTER TABLE security_events FORCE ROW LEVEL SECURITY;
            CREATE POLICY read ON security_events FOR SELECT USING (true);
            CREATE POLICY append ON security_events FOR INSERT WITH CHECK (true);
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
