"""Alembic's environment: migrations run as the owner role, with lock and statement time-outs."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from app import modules
from app.core.models import Base
from app.settings import settings

modules.load("models")

# A migration that waits for a lock blocks all later queries of the table: fail early, retry.
LOCK_TIMEOUT = "3s"
STATEMENT_TIMEOUT = "5min"
ADVISORY_LOCK_TIMEOUT = "15min"


def run_online() -> None:
    """Migrate the database of MIGRATION_DATABASE_URL."""
    engine = create_engine(settings.sqlalchemy_migration_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        # Of two concurrent deployments, the second waits, and then finds nothing to migrate.
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text(f"SET statement_timeout = '{ADVISORY_LOCK_TIMEOUT}'"))
        connection.execute(text("SELECT pg_advisory_lock(hashtext('migrations'))"))
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


def run_offline() -> None:
    """Print the SQL, for review or for a linter such as squawk."""
    context.configure(
        url=settings.sqlalchemy_migration_url, target_metadata=Base.metadata, literal_binds=True
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
