"""The database role that the service runs as."""

from sqlalchemy import text

from app.core.db.engine import engine


async def refuse_privileged_role() -> None:
    """Raise RuntimeError when the role of DATABASE_URL bypasses row-level security."""
    async with engine.connect() as connection:
        privileged = await connection.scalar(
            text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        )
    if privileged:
        raise RuntimeError(
            "DATABASE_URL names a role that bypasses row-level security. Use a role without"
            " SUPERUSER and BYPASSRLS, and give the owner's to MIGRATION_DATABASE_URL."
        )
