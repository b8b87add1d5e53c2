import django.db.models.deletion
from django.db import migrations, models

import app.core.ids
import app.core.models
import app.core.validators
from app.core.db import policies


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Widget",
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
                ("version", models.IntegerField(db_default=1, default=1, editable=False)),
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
                "verbose_name_plural": "widgets",
                "db_table": "widgets",
                "ordering": ("id",),
            },
        ),
        *policies.tenant("widgets"),
    ]
