from django.db import connection


def refuse_privileged_role() -> None:
    """Raise RuntimeError when the role of DATABASE_URL bypasses row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        (privileged,) = cursor.fetchone()
    connection.close()
    if privileged:
        raise RuntimeError(
            "DATABASE_URL names a role that bypasses row-level security. Use a role without"
            " SUPERUSER and BYPASSRLS, and give the owner's to MIGRATION_DATABASE_URL."
        )
