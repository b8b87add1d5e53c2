"""Fixtures: a temporary PostgreSQL and Valkey, and a migrated database per xdist worker.

A test with the fixture `database`, `client` or `session` runs in a transaction that is rolled back
at its end. A test marked `committed` commits, which other transactions and processes need in order
to see its rows; its tables are truncated afterwards.
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
    from sqlalchemy.orm import Session

    from tests.factories import Factory

_running = ExitStack()
# The running servers, in the process that started them.
_servers = pytest.StashKey[devservers.Servers]()

# The application reads its settings when it is imported, after pytest_configure has set these
# variables: do not import `app` at the top of this file.
_ENVIRONMENT = {
    "ENVIRONMENT": "test",
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "WARNING",
    "RATE_LIMIT_ENABLED": "false",
    "METRICS_TOKEN": "metrics-token",
    "MAIL_FROM": "Tests <no-reply@example.com>",
}


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


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> None:
    from alembic import command

    from app.core.db.migrations import alembic_config
    from app.settings import settings

    settings.__dict__["mail_dir"] = tmp_path_factory.mktemp("mail")
    command.upgrade(alembic_config(), "head")


@pytest.fixture(scope="session")
def connections(migrated: None) -> Iterator[None]:
    """Close the connection pools after the last test."""
    from app.core import redis
    from app.core.db.engine import engine

    yield
    redis.client.close()
    engine.dispose()


@pytest.fixture
def database(request: pytest.FixtureRequest, connections: None) -> Iterator[None]:
    """Isolate a test: roll back its transaction, or truncate the tables if it commits."""
    from app.core import redis
    from app.core.db.engine import engine, sessions

    redis.client.flushdb()
    if request.node.get_closest_marker("committed"):
        yield
        _truncate_tables()
        return
    with engine.connect() as connection:
        transaction = connection.begin()
        sessions.configure(bind=connection, join_transaction_mode="create_savepoint")
        with _no_tenant_at_begin():
            yield
        sessions.configure(bind=engine, join_transaction_mode="conditional_savepoint")
        transaction.rollback()


@contextmanager
def _no_tenant_at_begin() -> Iterator[None]:
    # In tests a commit only releases a savepoint, and the tenant would stay set for the next
    # transaction; in production it ends with the transaction.
    from sqlalchemy import Connection, event, text
    from sqlalchemy.orm import Session, SessionTransaction

    def clear(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
        connection.execute(
            text(
                "SELECT set_config('app.organization_id', '', true),"
                " set_config('app.user_id', '', true)"
            )
        )

    event.listen(Session, "after_begin", clear)
    try:
        yield
    finally:
        event.remove(Session, "after_begin", clear)


def _truncate_tables() -> None:
    from sqlalchemy import create_engine, text

    from app.core.models import Base
    from app.settings import settings

    owner = create_engine(settings.sqlalchemy_migration_url)
    tables = ", ".join(Base.metadata.tables)
    with owner.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} CASCADE"))
    owner.dispose()


@pytest.fixture
def session(database: None) -> "Iterator[Session]":
    """A session to arrange and assert with; requests see only what it has committed."""
    from app.core.db.engine import sessions

    with sessions() as session:
        yield session


@pytest.fixture
def client(database: None) -> "Iterator[Client]":
    """An HTTP client that calls the application in this process."""
    from httpx2 import Client

    from tests.transport import transport

    with Client(transport=transport(), base_url="http://test") as client:
        yield client


@pytest.fixture
def factory(client: "Client") -> "Factory":
    from tests.factories import Factory

    return Factory(client)


@pytest.fixture
def mails(migrated: None) -> Path:
    """Return the directory of sent mails, emptied."""
    from app.settings import settings

    for path in settings.mail_dir.glob("*.eml"):
        path.unlink()
    return settings.mail_dir
