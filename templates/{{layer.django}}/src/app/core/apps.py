import atexit
import logging

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.db import connection
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "app.core"
    label = "core"
    verbose_name = "Jobs and operations"

    def ready(self) -> None:
        from app.core.ops import log, telemetry  # noqa: PLC0415 - models must be loaded first

        autodiscover_modules("jobs")
        log.configure()
        # Django's lines about refused requests repeat the access log.
        logging.getLogger("django.request").setLevel(logging.ERROR)
        telemetry.configure()
        # The threads of the connection pool must end before the interpreter.
        atexit.register(connection.close_pool)  # type: ignore[attr-defined]  # only the PostgreSQL backend has it


class AdminConfig(DjangoAdminConfig):
    default_site = "app.config.admin_site.AdminSite"
