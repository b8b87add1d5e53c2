"""The web server: uvicorn, one process, with a deadline for its end."""

import signal
import sys

import uvicorn

from app.settings import settings

# Shorter than what an orchestrator waits before it kills (30 s, as a rule).
GRACE_SECONDS = 25


def serve(application: str, *, reload: bool) -> None:
    """Serve HTTP until SIGTERM; then answer what is in flight."""
    # uvicorn raises the signal again once everything in flight is done: that is a success.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        application,
        host=settings.host,
        port=settings.port,
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
