from django.db import models

from app.core import validators
from app.core.models import Identified, Manager, TenantManager, Timestamped


class Widget(Identified, Timestamped):
    """A widget of an organization."""

    organization = models.ForeignKey(
        "organizations.Organization", models.DB_CASCADE, related_name="+", db_index=False
    )
    name = models.CharField(max_length=120, validators=[validators.one_line])
    version = models.IntegerField(default=1, db_default=1, editable=False)

    objects = Manager["Widget"]()
    tenant = TenantManager["Widget"]()

    class Meta:
        db_table = "widgets"
        verbose_name_plural = "widgets"
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name
