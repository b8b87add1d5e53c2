from django.conf import settings
from django.db import models

from app.core.models import ClockTimestamp, Identified, Manager, TenantManager
from app.exports.schemas import ExportFormat


class Export(Identified):
    """`content` is gzip, loaded only for the download.

    The job runs in one transaction, so the status "running" is never stored: it is derived from
    the row of `job_id`.
    """

    organization = models.ForeignKey(
        "organizations.Organization", models.DB_CASCADE, related_name="+", db_index=False
    )
    format = models.CharField(max_length=10)
    status = models.CharField(max_length=20, db_default="queued")
    failure = models.CharField(max_length=20, null=True)  # noqa: DJ001 - null means no failure
    # Not a foreign key: done jobs are deleted from the outbox.
    job_id = models.UUIDField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_SET_NULL, related_name="+", null=True
    )
    created_at = models.DateTimeField(db_default=ClockTimestamp())
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)
    content = models.BinaryField(null=True)

    objects = Manager["Export"]()
    tenant = TenantManager["Export"]()

    class Meta:
        db_table = "exports"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(format__in=[item.value for item in ExportFormat]),
                name="exports_format_check",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=("queued", "succeeded", "failed")),
                name="exports_status_check",
            ),
        )

    def __str__(self) -> str:
        return f"{self.format} of {self.created_at:%Y-%m-%d}"
