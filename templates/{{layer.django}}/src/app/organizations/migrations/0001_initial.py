"""Organizations, members and invitations."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import app.core.ids
import app.core.models
import app.core.validators
from app.core.db import policies


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Organization",
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
                ("version", models.IntegerField(db_default=1, editable=False)),
            ],
            options={
                "db_table": "organizations",
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="Membership",
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
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "viewer"),
                            ("member", "member"),
                            ("admin", "admin"),
                            ("owner", "owner"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=app.core.models.ClockTimestamp(), editable=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="memberships",
                        to="organizations.organization",
                    ),
                ),
            ],
            options={
                "db_table": "memberships",
                "indexes": [
                    models.Index(
                        fields=["organization", "created_at", "user"], name="memberships_joined_idx"
                    ),
                    models.Index(fields=["user", "organization"], name="memberships_user_idx"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["viewer", "member", "admin", "owner"])),
                        name="memberships_role_check",
                    ),
                    models.UniqueConstraint(
                        fields=("organization", "user"),
                        name="memberships_organization_id_user_id_key",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
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
                ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "viewer"),
                            ("member", "member"),
                            ("admin", "admin"),
                            ("owner", "owner"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=app.core.models.ClockTimestamp(), editable=False
                    ),
                ),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "invited_by",
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
                        related_name="invitations",
                        to="organizations.organization",
                    ),
                ),
            ],
            options={
                "db_table": "invitations",
                "ordering": ("id",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["viewer", "member", "admin", "owner"])),
                        name="invitations_role_check",
                    ),
                    models.UniqueConstraint(
                        fields=("organization", "email"),
                        name="invitations_organization_id_email_key",
                    ),
                ],
            },
        ),
        *policies.scope("organizations", "id"),
        *policies.tenant("memberships"),
        *policies.tenant("invitations"),
        # A user may list the organizations that he belongs to before he has chosen one.
        policies.policy("own", "memberships", f"FOR SELECT USING (user_id = {policies.USER})"),
        policies.policy(
            "own",
            "organizations",
            "FOR SELECT USING (id IN"  # noqa: S608 - composed of constants of this file
            f" (SELECT organization_id FROM memberships WHERE user_id = {policies.USER}))",
        ),
    ]
