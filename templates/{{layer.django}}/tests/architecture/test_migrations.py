"""What the migrations do: row-level security (rule 6), and being additive (rule 12).

They are read, not run: a migration must be what can be reviewed without a database.
`tests/core/db/test_tenancy.py` looks at the real one.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, CharField, Field

from app.core.management.commands import migrate
from tests.architecture.loaded import load
from tests.architecture.source import assert_no_violations

load()

# Statements that break the release that is running while they are applied.
BREAKING = re.compile(
    r"\bDROP (TABLE|COLUMN)\b|\bRENAME\b|\bALTER COLUMN \S+ (TYPE|SET NOT NULL)\b"
    r"|\bADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL\b"
)
BREAKING_OPERATIONS = (
    operations.DeleteModel,
    operations.RemoveField,
    operations.RenameField,
    operations.RenameModel,
    operations.AlterModelTable,
)


@cache
def loader() -> MigrationLoader:
    return MigrationLoader(None)


@cache
def steps() -> tuple[tuple[Migration, Operation, ProjectState, ProjectState], ...]:
    """Return each operation of the service's own migrations, with the models before and after."""
    own = {config.label for config in apps.get_app_configs() if config.name.startswith("app.")}
    graph = loader().graph
    state = ProjectState()
    found = []
    # The order of a database that is migrated from the beginning.
    for node in dict.fromkeys(
        node for leaf in sorted(graph.leaf_nodes()) for node in graph.forwards_plan(leaf)
    ):
        migration = graph.nodes[node]
        for operation in migration.operations:
            before = state.clone()
            operation.state_forwards(migration.app_label, state)
            if migration.app_label in own:
                found.append((migration, operation, before, state.clone()))
    return tuple(found)


def statements(operation: Operation) -> Iterator[str]:
    """Yield the statements of an operation that is SQL, each on one line."""
    if isinstance(operation, operations.RunSQL):
        written: Any = operation.sql
        for part in [written] if isinstance(written, str) else written:
            text = part if isinstance(part, str) else part[0]
            for statement in text.split(";"):
                yield " ".join(statement.split())


def test_tenant_tables_have_row_level_security() -> None:
    models = [model for model in apps.get_models() if model.__module__.startswith("app.")]
    tenant = {
        model._meta.db_table
        for model in models
        if "organization_id" in {field.column for field in model._meta.fields}
    }

    def found() -> Iterator[str]:
        sql = "\n".join(text for _, operation, *_ in steps() for text in statements(operation))
        for name in sorted(tenant | {"organizations"}):
            for what in (
                f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
                f"CREATE POLICY .* ON {name} ",
            ):
                if not re.search(what, sql):
                    yield f"{name}: no migration says {what.replace('.*', 'tenant').strip()}"
        for model in models:
            related = [field.related_model for field in model._meta.fields if field.is_relation]
            owners = {other._meta.db_table for other in related if isinstance(other, type)}
            if model._meta.db_table not in tenant and owners & tenant:
                yield f"{model._meta.db_table}: no organization_id, but refers to {owners & tenant}"

    assert_no_violations(
        found(),
        rule=6,
        message="every tenant-owned table carries organization_id and a row-level security policy.",
        fix="add *policies.tenant(<table>) to the table's own migration, as"
        " docs/adding-a-resource.md shows.",
    )


def test_migrations_are_additive() -> None:
    assert_no_violations(
        (
            f"{inspect.getfile(type(migration)).partition('src/')[2]}  {operation.describe()}"
            for migration, operation, before, after in steps()
            if _breaks(migration.app_label, operation, before, after)
            and not getattr(sys.modules[type(migration).__module__], "contract", "")
        ),
        rule=12,
        message="migrations are additive within a release.",
        fix="expand now, and contract in a later release: when no running code needs it any"
        ' more, say so in that migration with contract = "unused since <release>".',
    )


def _breaks(app: str, operation: Operation, before: ProjectState, after: ProjectState) -> bool:
    match operation:
        case operations.RunSQL():
            return any(BREAKING.search(statement) for statement in statements(operation))
        case operations.AddField(field=field):
            # Django drops a default of its own making: the running release would insert NULL.
            return not field.null and field.db_default is NOT_PROVIDED and bool(field.column)
        case operations.AlterField(model_name=model, name=name):
            key = (app, model.lower())
            return _narrows(before.models[key].fields[name], after.models[key].fields[name])
        case operations.SeparateDatabaseAndState(database_operations=inner):
            return any(_breaks(app, item, before, after) for item in inner)
    return isinstance(operation, BREAKING_OPERATIONS)


def _narrows(old: Field[Any, Any], new: Field[Any, Any]) -> bool:
    if old.null and not new.null:
        return True
    if isinstance(old, CharField) and isinstance(new, CharField):
        return (new.max_length or sys.maxsize) < (old.max_length or sys.maxsize)
    return old.db_type(connection) != new.db_type(connection)


def test_migrations_are_plain() -> None:
    assert_no_violations(
        (
            f"{inspect.getfile(type(migration)).partition('src/')[2]}  {operation.describe()}"
            for migration, operation, *_ in steps()
            if isinstance(operation, operations.RunPython)
        ),
        rule=12,
        message="migrations can be reviewed without a database, and lock no table while code runs.",
        fix="RunSQL for what one statement does; a job, for what takes longer.",
    )


def test_migrations_set_time_outs() -> None:
    text = inspect.getsource(migrate)
    assert_no_violations(
        (
            f"src/app/core/management/commands/migrate.py: no {name}"
            for name in ("lock_timeout", "statement_timeout")
            if f"SET {name} = '" not in text
        ),
        rule=12,
        message="migrations have lock and statement time-outs.",
        fix="SET them on the connection before migrating.",
    )


def test_migrations_have_one_head() -> None:
    assert_no_violations(
        (f"{app}: {', '.join(names)}" for app, names in loader().detect_conflicts().items()),
        rule=12,
        message="the migrations of an app are one line.",
        fix="uv run just adopt-migrations, if one is new in the template; otherwise let the later "
        "one follow the other: change its dependencies.",
    )
