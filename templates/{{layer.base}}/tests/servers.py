"""Pytest plugin: a temporary PostgreSQL and Valkey, with databases for each xdist worker.

The application reads its settings when it is imported, after `pytest_configure` has set these
variables: neither plugins nor conftest.py files import `app` at their top.
"""

import os
from contextlib import ExitStack
from typing import Any

import pytest

from tools import devservers

_running = ExitStack()
# The running servers, in the process that started them.
_servers = pytest.StashKey[devservers.Servers]()

_ENVIRONMENT = {
    "ENVIRONMENT": "test",
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "WARNING",
    "RATE_LIMIT_ENABLED": "false",
    "METRICS_TOKEN": "metrics-token",
    "MAIL_FROM": "Tests <no-reply@example.com>",
}


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the servers; in an xdist worker, use the environment from the controller."""
    config.addinivalue_line(
        "markers", "committed: the test commits; its tables are truncated afterwards"
    )
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is None:
        config.stash[_servers] = _running.enter_context(devservers.throw_away())
        environment = config.stash[_servers].urls().environment()
    else:
        environment = worker["environment"]
    os.environ.update(_ENVIRONMENT | environment)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give each xdist worker its own PostgreSQL database and Redis database."""
    name = node.gateway.id  # gw0, gw1, ...
    urls = node.config.stash[_servers].urls(f"test_{name}", int(name[2:]) + 1)
    node.workerinput["environment"] = urls.environment()


def pytest_unconfigure() -> None:
    _running.close()
