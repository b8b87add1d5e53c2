"""Whether a database can be connected to, for messages at the start of a command."""

from typing import Literal

import psycopg

from app.settings import settings

TIMEOUT_SECONDS = 5


def describe_failure(setting: Literal["DATABASE_URL", "MIGRATION_DATABASE_URL"]) -> str | None:
    """Connect to the database of a setting; return one line if that fails, without its password."""
    url: str = getattr(settings, setting.lower())
    try:
        # Not from the pool, which would retry and log each attempt.
        psycopg.connect(
            "postgresql://" + url.split("://", 1)[1], connect_timeout=TIMEOUT_SECONDS
        ).close()
    except psycopg.OperationalError as error:
        return f"{setting} is unreachable: {' '.join(str(error).split())}"
    return None
