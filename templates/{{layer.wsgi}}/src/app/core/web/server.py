"""The web server: gunicorn, one process with as many threads as connections to the database."""

from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import message
from gunicorn.util import import_app

from app.core.db.roles import refuse_privileged_role
from app.core.ops import log
from app.settings import settings

# Shorter than what an orchestrator waits before it kills (30 s, as a rule).
GRACE_SECONDS = 25
# The longest parameters of the contract, percent-encoded, do not fit into gunicorn's 8190 bytes.
message.MAX_REQUEST_LINE = 64 * 1024


class _Logger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Leaves the logs to `core.ops.log`."""

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
        if settings.environment == "production":
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
            # Longer than load balancers keep an idle connection: they must not find it closed.
            "keepalive": 75,
            # It would be a file in the home directory, which a container has not.
            "control_socket_disable": True,
            "limit_request_line": message.MAX_REQUEST_LINE,
            "reload": reload,
            "logger_class": _Logger,
            "loglevel": settings.log_level,
            # `core.security.client_ip` finds the client's address, by the setting TRUSTED_PROXIES.
            "forwarded_allow_ips": "",
        },
    ).run()
