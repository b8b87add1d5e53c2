"""The app of no domain: outbox and idempotency keys, and what starts with the process."""

import atexit
import logging

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.db import connection


class CoreConfig(AppConfig):
    """Name the app; set up logs and telemetry, and declare the jobs, when Django has started."""

    name = "app.core"
    label = "core"
    verbose_name = "Operations"

    def ready(self) -> None:
        """Begin."""
        # Models must be loaded first.
        from app.core.jobs import schedule  # noqa: F401, PLC0415
        from app.core.ops import log, telemetry  # noqa: PLC0415

        log.configure()
        # Its lines about refused requests say nothing that the access log does not.
        logging.getLogger("django.request").setLevel(logging.ERROR)
        telemetry.configure()
        # The pool's threads have to end before the interpreter does.
        atexit.register(connection.close_pool)  # type: ignore[attr-defined]  # PostgreSQL's


class AdminConfig(DjangoAdminConfig):
    """Django's admin, on this service's site."""

    default_site = "app.config.admin_site.AdminSite"
