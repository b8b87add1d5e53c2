"""The web server: gunicorn, one process with as many threads as database connections."""

import logging
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import message
from gunicorn.util import import_app

from app.core.db.reachability import describe_failure
from app.core.db.roles import refuse_privileged_role
from app.core.ops import log
from app.settings import settings

logger = logging.getLogger(__name__)

# Shorter than the grace period of orchestrators before SIGKILL (30 s by default).
GRACE_SECONDS = 25
# The contract's longest parameters, percent-encoded, exceed gunicorn's limit of 8190 bytes.
message.MAX_REQUEST_LINE = 64 * 1024


class _Logger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Writes through `core.ops.log` instead of gunicorn's handlers."""

    def setup(self, cfg: object) -> None:
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, application: str, options: dict[str, Any]) -> None:
        self.application = application
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        application = import_app(self.application)
        if failure := describe_failure("DATABASE_URL"):
            # Readiness decides, and checks the role once the database is reachable.
            logger.error(failure)
        elif settings.environment == "production":
            refuse_privileged_role()
        return application


def serve(application: str, *, reload: bool) -> None:
    """Serve HTTP until SIGTERM, then finish the requests in flight."""
    log.configure()
    _Server(
        application,
        {
            "bind": f"[{settings.host}]:{settings.port}"
            if ":" in settings.host
            else f"{settings.host}:{settings.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": settings.database_pool_size,
            "graceful_timeout": GRACE_SECONDS,
            # Longer than the idle time-out of load balancers: they must close a connection first.
            "keepalive": 75,
            # The socket would be in the home directory, which a container does not have.
            "control_socket_disable": True,
            "limit_request_line": message.MAX_REQUEST_LINE,
            "reload": reload,
            "logger_class": _Logger,
            "loglevel": settings.log_level,
            # `core.security.client_ip` finds the client's address, by the setting TRUSTED_PROXIES.
            "forwarded_allow_ips": "",
        },
    ).run()
