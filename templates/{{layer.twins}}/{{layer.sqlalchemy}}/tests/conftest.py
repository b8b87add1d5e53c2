"""One throw-away PostgreSQL and Valkey for the run, one migrated database for each xdist worker.

A test that asks for `client` or `session` runs in a transaction that is rolled back at its end.
Marked `committed`, it really commits, as races and other processes need; the tables are emptied
afterwards.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tools import devservers

if TYPE_CHECKING:
    from httpx2 import Client, Response
    from sqlalchemy.orm import Session

_running = ExitStack()
# The running servers, in the process that started them.
_servers = pytest.StashKey[devservers.Servers]()

# The application reads its settings when it is imported, so they are made before: `app` must not
# be imported at the top of this file.
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
def migrated(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Migrate this worker's database, once."""
    from alembic import command

    from app.core.db.migrations import alembic_config
    from app.settings import settings

    settings.__dict__["mail_dir"] = tmp_path_factory.mktemp("mail")
    command.upgrade(alembic_config(), "head")


@pytest.fixture(scope="session")
def connections(migrated: None) -> Iterator[None]:
    """Keep connections from the first to the last test, and close them."""
    from app.core import redis
    from app.core.db.engine import engine

    yield
    redis.client.close()
    engine.dispose()


@pytest.fixture
def database(request: pytest.FixtureRequest, connections: None) -> Iterator[None]:
    """Isolate a test: roll back what it did, or empty the tables if it commits."""
    from app.core import redis
    from app.core.db.engine import engine, sessions

    redis.client.flushdb()
    if request.node.get_closest_marker("committed"):
        yield
        _empty_tables()
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
    # A released savepoint leaves its tenant to the outer transaction, which production has not.
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


def _empty_tables() -> None:
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
    """Give a session for arranging and asserting; commit what requests shall see."""
    from app.core.db.engine import sessions

    with sessions() as session:
        yield session


@pytest.fixture
def client(database: None) -> "Iterator[Client]":
    """Give an HTTP client of the application, in this process."""
    from httpx2 import Client

    from tests.transport import transport

    with Client(transport=transport(), base_url="http://test") as client:
        yield client


@dataclass
class Person:
    """A user with a session; `headers` authenticate."""

    id: UUID
    email: str
    session_id: UUID
    token: str
    client: "Client"

    @property
    def headers(self) -> dict[str, str]:
        """Make the Authorization header."""
        return {"Authorization": f"Bearer {self.token}"}

    def request(self, method: str, path: str, **arguments: Any) -> "Response":
        """Send a request as this user; `path` is below /api/v1."""
        headers = self.headers | arguments.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **arguments)


@dataclass
class Factory:
    """Makes people and organizations, straight in the database: quick, and no test of sign-up."""

    client: "Client"
    made: int = field(default=0)

    def person(self, name: str | None = None, password: str | None = None) -> Person:
        """Make a verified user who is signed in; without a password, only by token."""
        from sqlalchemy import func, text

        from app.accounts.models import User, UserSession
        from app.core.db.unit_of_work import unit_of_work
        from app.core.security import access_tokens, passwords

        self.made += 1
        name = name or f"person{self.made}"
        with unit_of_work() as session:
            user = User(
                email=f"{name}-{self.made}@example.com",
                name=name.title(),
                email_verified_at=func.clock_timestamp(),
                password_hash=passwords.hash_password(password) if password else None,
            )
            session.add(user)
            session.flush()
            signed_in = UserSession(
                user_id=user.id, expires_at=text("clock_timestamp() + interval '30 days'")
            )
            session.add(signed_in)
            session.flush()
            token = access_tokens.issue(user_id=user.id, session_id=signed_in.id)
            return Person(user.id, user.email, signed_in.id, token, self.client)

    def organization(self, owner: Person, name: str = "Acme") -> UUID:
        """Make an organization through the API."""
        answer = owner.request("POST", "/organizations", json={"name": name})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    def member(self, organization_id: UUID, role: str) -> Person:
        """Make a person who belongs to an organization already."""
        from app.core.db import tenancy
        from app.core.db.unit_of_work import unit_of_work
        from app.core.security.roles import Role
        from app.organizations.models import Membership

        person = self.person(role)
        with unit_of_work() as session:
            tenancy.enter_organization(session, organization_id)
            session.add(
                Membership(organization_id=organization_id, user_id=person.id, role=Role(role))
            )
        return person

    def count(self, table: str) -> int:
        """Count the rows of a table that belongs to no organization."""
        from sqlalchemy import text

        from app.core.db.unit_of_work import unit_of_work

        with unit_of_work() as session:
            return session.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608 - names from tests


@pytest.fixture
def factory(client: "Client") -> Factory:
    """Give the maker of people and organizations."""
    return Factory(client)


@pytest.fixture
def mails(migrated: None) -> Path:
    """Give the folder of sent mails, empty at first."""
    from app.settings import settings

    for path in settings.mail_dir.glob("*.eml"):
        path.unlink()
    return settings.mail_dir
