"""Migration operations for the tables of tenants: row-level security and keys.

Released migrations call these functions: do not change their SQL, add a function instead.
"""

from django.db.migrations import RunSQL

# The sub-select is an InitPlan, computed once, so that PostgreSQL uses indexes on the column.
# Without a tenant it is NULL, which equals nothing: the policies fail closed.
ORGANIZATION = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
USER = "(SELECT nullif(current_setting('app.user_id', true), '')::uuid)"
# The admin's transactions are open to every organization.
STAFF = "(SELECT current_setting('app.staff', true) = 'on')"


def enable(table: str) -> RunSQL:
    """Enable and force row-level security: without a policy even the owner sees no rows."""
    return RunSQL(
        [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        ],
        [
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ],
    )


def policy(name: str, table: str, clauses: str) -> RunSQL:
    return RunSQL(f"CREATE POLICY {name} ON {table} {clauses}", f"DROP POLICY {name} ON {table}")


def scope(table: str, column: str) -> list[RunSQL]:
    """Limit a table to the rows of the transaction's organization; staff sees all rows."""
    condition = f"({column} = {ORGANIZATION} OR {STAFF})"
    return [
        enable(table),
        policy("tenant", table, f"USING {condition} WITH CHECK {condition}"),
    ]


def tenant(table: str) -> list[RunSQL]:
    """Apply `scope` and `primary_key` to a table with `organization_id`."""
    return [*scope(table, "organization_id"), primary_key(table)]


def primary_key(table: str) -> RunSQL:
    """Make `(organization_id, id)` the primary key in the database; in the models it is `id`.

    `save()`, `delete()` and the admin find a row by `id` alone, hence the index.
    """
    return RunSQL(
        [
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey,"
            " ADD PRIMARY KEY (organization_id, id)",
            f"CREATE INDEX {table}_id_idx ON {table} (id)",
        ],
        [
            f"DROP INDEX {table}_id_idx",
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY (id)",
        ],
    )


def foreign_key(table: str, column: str, target: str, on_delete: str = "CASCADE") -> RunSQL:
    """Refer to the id of another table of tenants, in the same organization.

    The field is a `ForeignKey` with `db_constraint=False`: Django's own constraint would refer to
    `id` alone. `on_delete` is the action of PostgreSQL, such as `SET NULL (project_id)`.
    """
    name = f"{table}_organization_id_{column}_fkey"
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organization_id, {column})"
        f" REFERENCES {target} (organization_id, id) ON DELETE {on_delete}",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )
