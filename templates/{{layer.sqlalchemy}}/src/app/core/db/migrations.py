"""Alembic's configuration, and the check that the database is migrated."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

DIRECTORY = Path(__file__).parents[4] / "migrations"


def alembic_config() -> Config:
    """Return the configuration; it does not depend on the working directory."""
    config = Config()
    config.set_main_option("script_location", str(DIRECTORY))
    return config


@cache
def _known_revisions() -> tuple[frozenset[str], str | None]:
    script = ScriptDirectory.from_config(alembic_config())
    return frozenset(item.revision for item in script.walk_revisions()), script.get_current_head()


def is_current(connection: Connection) -> bool:
    """Return whether the database is at this release's head, or at an unknown, newer revision.

    A replica of the old release sees the newer one during a rolling deployment. It still works,
    since migrations are additive within a release (rule 12).
    """
    known, head = _known_revisions()
    revision = MigrationContext.configure(connection).get_current_revision()
    return revision is not None and (revision == head or revision not in known)
