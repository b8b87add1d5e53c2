"""Pytest plugin: a migrated database, and the isolation of tests in it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> None:
    from alembic import command

    from app.core.db.migrations import alembic_config
    from app.settings import settings

    settings.__dict__["mail_dir"] = tmp_path_factory.mktemp("mail")
    command.upgrade(alembic_config(), "head")


@pytest.fixture(scope="session")
async def connections(migrated: None, anyio_backend: str) -> AsyncIterator[None]:
    """Close the connection pools after the last test."""
    from app.core import redis
    from app.core.db.engine import engine

    yield
    await redis.client.aclose()
    await engine.dispose()


@pytest.fixture
async def database(request: pytest.FixtureRequest, connections: None) -> AsyncIterator[None]:
    """Isolate a test: roll back its transaction, or truncate the tables if it commits."""
    from app.core import redis
    from app.core.db.engine import engine, sessions

    await redis.client.flushdb()
    if request.node.get_closest_marker("committed"):
        yield
        _truncate_tables()
        return
    async with engine.connect() as connection:
        transaction = await connection.begin()
        sessions.configure(bind=connection, join_transaction_mode="create_savepoint")
        with _no_tenant_at_begin():
            yield
        sessions.configure(bind=engine, join_transaction_mode="conditional_savepoint")
        await transaction.rollback()


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
async def session(database: None) -> "AsyncIterator[AsyncSession]":
    """A session to arrange and assert with; requests see only what it has committed."""
    from app.core.db.engine import sessions

    async with sessions() as session:
        yield session
