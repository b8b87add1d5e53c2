"""Rules checked in the SQL of the migrations: row-level security (6), additive changes (12).

Alembic renders the SQL offline, so a migration must not read from the database.
`tests/core/db/test_tenancy.py` tests the policies on a real database.
"""

import io
import logging
import re
from collections.abc import Iterator
from functools import cache

from alembic import command
from alembic.script import Script, ScriptDirectory

from app import modules
from app.core.db.migrations import alembic_config
from app.core.models import Base
from tests.architecture.source import ROOT, assert_no_violations

modules.load("models")
logging.getLogger("alembic").setLevel(logging.WARNING)

VERSIONS = "migrations/versions"
# Statements that break the previous release, which still runs while they are applied.
BREAKING = re.compile(
    r"\bDROP (TABLE|COLUMN)\b|\bRENAME\b|\bALTER COLUMN \S+ (TYPE|SET NOT NULL)\b"
    r"|\bADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL\b"
)


@cache
def revisions() -> tuple[Script, ...]:
    return tuple(ScriptDirectory.from_config(alembic_config()).walk_revisions())


@cache
def statements() -> tuple[tuple[Script, str], ...]:
    """Return each SQL statement on one line, with its migration."""
    config = alembic_config()
    config.output_buffer = io.StringIO()
    command.upgrade(config, "heads", sql=True)
    by_id = {script.revision: script for script in revisions()}
    parts = re.split(r"-- Running upgrade .*-> (\w+)\n", config.output_buffer.getvalue())
    return tuple(
        (by_id[revision], " ".join(statement.split()))
        for revision, sql in zip(parts[1::2], parts[2::2], strict=True)
        for statement in sql.split(";")
    )


def test_tenant_tables_have_row_level_security() -> None:
    tables = Base.metadata.tables.values()
    tenant = {table.name for table in tables if "organization_id" in table.columns}

    def found() -> Iterator[str]:
        sql = "\n".join(statement for _, statement in statements())
        for name in sorted(tenant | {"organizations"}):
            for what in (
                f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
                f"CREATE POLICY .* ON {name} ",
            ):
                if not re.search(what, sql):
                    yield f"{name}: no migration has {what.replace('.*', 'tenant').strip()}"
        for table in tables:
            owners = {key.column.table.name for key in table.foreign_keys}
            if table.name not in tenant and owners & tenant:
                yield f"{table.name}: no organization_id, but a foreign key to {owners & tenant}"

    assert_no_violations(
        found(),
        rule=6,
        message="every tenant-owned table has organization_id and a row-level security policy.",
        fix="add them in the migration of the table: see docs/adding-a-resource.md.",
    )


def test_migrations_are_additive() -> None:
    assert_no_violations(
        (
            f"{VERSIONS}/{script.path.rpartition('/')[2]}  {statement[:100]}"
            for script, statement in statements()
            if BREAKING.search(statement) and not getattr(script.module, "contract", "")
        ),
        rule=12,
        message="migrations are additive within a release.",
        fix="expand now and contract in a later release; when no running release uses the column"
        ' or table, declare contract = "unused since <release>" in the migration.',
    )


def test_migrations_set_time_outs() -> None:
    text = (ROOT / "migrations" / "env.py").read_text()
    assert_no_violations(
        (
            f"migrations/env.py: no {name}"
            for name in ("lock_timeout", "statement_timeout")
            if f"SET {name} = '" not in text
        ),
        rule=12,
        message="migrations run with lock and statement time-outs.",
        fix="SET them in migrations/env.py, before the migrations run.",
    )


def test_migrations_have_one_head() -> None:
    followed = {script.down_revision for script in revisions()}
    heads = [script.path for script in revisions() if script.revision not in followed]
    assert_no_violations(
        heads if len(heads) > 1 else [],
        rule=12,
        message="the migrations have one head.",
        fix="uv run just adopt-migrations, if one is new in the template; otherwise set "
        "down_revision of the later migration to the revision of the other.",
    )
