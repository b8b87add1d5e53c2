"""An index for the newest events of a user, in all organizations."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_initial"),
    ]

    operations = [
        # Not concurrently: that waits for every snapshot, also of a second `migrate` that waits
        # for the advisory lock of this one.
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor_id", "id"], name="audit_events_actor_idx"),
        ),
    ]
