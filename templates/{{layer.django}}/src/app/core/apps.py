"""The app of no domain: outbox and idempotency keys, and what starts with the process."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Name the app; set up logs and telemetry, and declare the jobs, when Django has started."""

    name = "app.core"
    label = "core"
    verbose_name = "Operations"

    def ready(self) -> None:
        """Begin."""
        from app.core import log, scheduling, telemetry  # noqa: F401, PLC0415 - models come first

        log.configure()
        telemetry.configure()
