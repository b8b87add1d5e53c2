"""The SQLAlchemy engine and the session factory of this process."""

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from app.settings import settings

engine = create_engine(
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
sessions = sessionmaker(engine, expire_on_commit=False)
