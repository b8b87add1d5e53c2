"""The web server: uvicorn in one process, with a shutdown time limit."""

import os
import signal
import sys

import uvicorn

from app.settings import settings

# Shorter than the grace period of orchestrators before SIGKILL (30 s by default).
GRACE_SECONDS = 25


def serve(application: str, *, reload: bool) -> None:
    """Serve HTTP until SIGTERM, then finish the requests in flight.

    `application` is the call of its factory: `app.main:create_app()`.
    """
    # uvicorn raises the signal again after a graceful shutdown: exit with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        application.removesuffix("()"),
        host=settings.host,
        port=settings.port,
        fd=_inherited_socket(),
        factory=True,
        reload=reload,
        reload_dirs=["src"] if reload else None,
        # `core.security.client_ip` finds the client's address, by the setting TRUSTED_PROXIES.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _inherited_socket() -> int | None:
    """Return the socket that systemd, or `just dev`, has opened for this process.

    sd_listen_fds(3).
    """
    environment = os.environ  # noqa: TID251 - not a setting, but the protocol for sockets
    return 3 if environment.get("LISTEN_PID") == str(os.getpid()) else None
