"""The SQLAlchemy engine and the session factory of this process."""

from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from app.settings import settings

engine = create_async_engine(
    settings.sqlalchemy_url,
    pool_size=settings.database_pool_size,
    max_overflow=settings.database_pool_size,
    # A quick 503 is better than requests that queue until their clients have given up.
    pool_timeout=5,
    pool_recycle=1800,
    pool_pre_ping=True,
    # Parameters hold hashes and e-mail addresses, and errors would show them.
    hide_parameters=True,
    # Server-side prepared statements break behind PgBouncer in transaction mode.
    connect_args={"prepare_threshold": None, "connect_timeout": 5},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
