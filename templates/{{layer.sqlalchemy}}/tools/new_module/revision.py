"""The ids of a new Alembic migration."""

import uuid
from pathlib import Path

from alembic.script import ScriptDirectory

from app.core.db.migrations import alembic_config
from tools.new_module import UsageError


def with_revision(files: dict[Path, str]) -> dict[Path, str]:
    """Give the migration an id, and the latest one as its predecessor. Raises UsageError."""
    heads = ScriptDirectory.from_config(alembic_config()).get_heads()
    if len(heads) != 1:
        names = ", ".join(heads)
        raise UsageError(f"no migration follows {names}: try `uv run just adopt-migrations`")
    revision = uuid.uuid4().hex[:12]  # as Alembic does
    return {
        path.with_stem(f"{revision}_{path.stem}") if "versions" in path.parts else path: (
            text.replace("REVISION", revision).replace("HEAD", heads[0])
        )
        for path, text in files.items()
    }
