"""The app of the audit log."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Name the app."""

    name = "app.audit"
    label = "audit"
    verbose_name = "Audit log"
