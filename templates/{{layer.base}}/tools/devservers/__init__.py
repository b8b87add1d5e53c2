"""Real PostgreSQL and Valkey for development and tests, from wheels of the dev group.

This package belongs to the template: `copier update` updates it, so do not edit it.

The servers listen on free ports of the loopback interface and end with the process that started
them, even when it is killed. The reasons are in docs/adr/0005-real-servers-from-wheels.md.
"""

from tools.devservers.postgres import Postgres
from tools.devservers.process import ManagedProcess
from tools.devservers.server import HOST, ROOT, ServerError, free_port, is_free
from tools.devservers.servers import Servers, Urls, development, throw_away
from tools.devservers.valkey import Valkey

__all__ = [
    "HOST",
    "ROOT",
    "ManagedProcess",
    "Postgres",
    "ServerError",
    "Servers",
    "Urls",
    "Valkey",
    "development",
    "free_port",
    "is_free",
    "throw_away",
]
