"""The database engine and the unit of work: the one place that commits (rule 4)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.core import jobs
from app.core.errors import AppError
from app.settings import settings

engine = create_async_engine(
    settings.sqlalchemy_url,
    pool_size=settings.database_pool_size,
    max_overflow=settings.database_pool_size,
    # Better a quick 503 than requests that queue until the caller has given up.
    pool_timeout=5,
    pool_recycle=1800,
    pool_pre_ping=True,
    # Errors would show them, and they hold hashes and addresses.
    hide_parameters=True,
    # Server-side prepared statements break behind PgBouncer in transaction mode.
    connect_args={"prepare_threshold": None, "connect_timeout": 5},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def unit_of_work() -> AsyncIterator[AsyncSession]:
    """One transaction: committed when the block ends, rolled back when it raises.

    Jobs enqueued inside are handed over right after the commit.
    """
    async with sessions() as session:
        try:
            yield session
        except AppError as error:
            if error.commits:
                await session.commit()
            raise
        await session.commit()
    await jobs.hand_over(session.info.pop("outbox", []))


async def refuse_privileged_role() -> None:
    """Raise RuntimeError when row-level security would not bind the service's own role."""
    async with engine.connect() as connection:
        privileged = await connection.scalar(
            text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        )
    if privileged:
        raise RuntimeError(
            "DATABASE_URL names a role that bypasses row-level security. Use a role without"
            " SUPERUSER and BYPASSRLS, and give the owner's to MIGRATION_DATABASE_URL."
        )
