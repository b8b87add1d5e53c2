"""One throw-away PostgreSQL and Valkey for the run, one migrated database for each xdist worker.

A test that asks for `client` or `database` runs in a transaction that is rolled back at its end.
Marked `committed`, it really commits, as races and other processes need; the tables are emptied
afterwards.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tools import devservers

if TYPE_CHECKING:
    from httpx2 import Client

    from tests.factories import Factory

_running = ExitStack()
# The running servers, in the process that started them.
_servers = pytest.StashKey[devservers.Servers]()

# The application reads its settings when it is imported, so they are made before: neither `app`
# nor Django may be imported at the top of this file.
_ENVIRONMENT = {
    "ENVIRONMENT": "test",
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "WARNING",
    "RATE_LIMIT_ENABLED": "false",
    "METRICS_TOKEN": "metrics-token",
    "MAIL_FROM": "Tests <no-reply@example.com>",
}


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, or take over what the xdist controller has made for this worker."""
    config.addinivalue_line("markers", "committed: the test commits; tables are emptied after it")
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is None:
        config.stash[_servers] = _running.enter_context(devservers.throw_away())
        environment = config.stash[_servers].urls().environment()
    else:
        environment = worker["environment"]
    os.environ.update(_ENVIRONMENT | environment)
    if worker is None and config.getoption("numprocesses", None):
        return  # the workers run the tests, each with settings of its own
    # pytest-django would do it before there are settings.
    os.environ["DJANGO_SETTINGS_MODULE"] = "app.config.settings"
    import django

    django.setup()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give each xdist worker its own database and its own Redis database."""
    name = node.gateway.id  # gw0, gw1, ...
    urls = node.config.stash[_servers].urls(f"test_{name}", int(name[2:]) + 1)
    node.workerinput["environment"] = urls.environment()


def pytest_unconfigure() -> None:
    """Stop the servers."""
    _running.close()


@pytest.fixture(scope="session")
def migrated(
    tmp_path_factory: pytest.TempPathFactory, django_test_environment: None, django_db_blocker: Any
) -> Iterator[None]:
    """Migrate this worker's database, once."""
    from django.core.management import call_command
    from django.db import connection, connections

    from app.core import redis
    from app.settings import settings

    settings.__dict__["mail_dir"] = tmp_path_factory.mktemp("mail")
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        connections["owner"].close()
    yield
    redis.client.close()
    with django_db_blocker.unblock():
        connections.close_all()
        connection.close_pool()  # type: ignore[attr-defined]  # only the PostgreSQL backend has it


@pytest.fixture(scope="session", autouse=True)
def file_mailer(django_test_environment: None) -> None:
    """Write mails to files again: pytest-django keeps them in memory."""
    from django.conf import settings

    settings.MAILERS = {"default": {"BACKEND": "app.core.mail_backends.FileBackend"}}


@pytest.fixture(scope="session")
def django_db_setup(migrated: None) -> None:
    """Replace pytest-django's own, which would make another database."""


@pytest.fixture
def database(
    request: pytest.FixtureRequest, migrated: None, django_db_blocker: Any
) -> Iterator[None]:
    """Isolate a test: roll back what it did, or empty the tables if it commits."""
    from django.core.cache import cache

    from app.core import redis

    redis.client.flushdb()
    cache.clear()
    if request.node.get_closest_marker("committed"):
        # Not `transactional_db`: the service's role may not empty tables.
        with django_db_blocker.unblock():
            yield
            _empty_tables()
    else:
        request.getfixturevalue("db")
        with _no_tenant_at_begin():
            yield


@contextmanager
def _no_tenant_at_begin() -> Iterator[None]:
    # A released savepoint keeps its tenant in the outer transaction; production has none.
    from django.db import connection

    from app.core.db.unit_of_work import UnitOfWork

    begin = UnitOfWork.begin

    def clear_and_begin(work: UnitOfWork) -> None:
        # Not through Django: tests that count statements must not count it.
        connection.connection.execute(
            "SELECT set_config('app.organization_id', '', true),"
            " set_config('app.user_id', '', true), set_config('app.staff', '', true)"
        )
        begin(work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UnitOfWork, "begin", clear_and_begin)
        yield


def _empty_tables() -> None:
    from django.apps import apps
    from django.db import connections

    tables = ", ".join(
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label not in {"auth", "contenttypes"}
    )
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")
    connections["owner"].close()


@pytest.fixture
def client(database: None) -> "Iterator[Client]":
    """Give an HTTP client of the application, in this process."""
    from httpx2 import Client

    from tests.transport import transport

    with Client(transport=transport(), base_url="http://test") as client:
        yield client


@pytest.fixture
def mails(migrated: None) -> Path:
    """Give the folder of sent mails, empty at first."""
    from app.settings import settings

    for path in settings.mail_dir.glob("*.eml"):
        path.unlink()
    return settings.mail_dir


@pytest.fixture
def factory(client: "Client") -> "Factory":
    from tests.factories import Factory

    return Factory(client)
