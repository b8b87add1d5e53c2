"""Whether the database has the migrations that this release was built with."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

DIRECTORY = Path(__file__).parents[4] / "migrations"


def alembic_config() -> Config:
    """Alembic's configuration, wherever the process was started."""
    config = Config()
    config.set_main_option("script_location", str(DIRECTORY))
    return config


@cache
def _known_revisions() -> tuple[frozenset[str], str | None]:
    script = ScriptDirectory.from_config(alembic_config())
    return frozenset(item.revision for item in script.walk_revisions()), script.get_current_head()


def is_current(connection: Connection) -> bool:
    """Whether the database is at this release's head, or at a newer one that it does not know.

    The newer one is what a replica of the old release sees during a rolling deployment; since
    migrations are additive within a release (rule 12), it can go on serving.
    """
    known, head = _known_revisions()
    revision = MigrationContext.configure(connection).get_current_revision()
    return revision is not None and (revision == head or revision not in known)
