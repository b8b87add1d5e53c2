"""Migration operations for row-level security.

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


def tenant(table: str, column: str = "organization_id") -> list[RunSQL]:
    """Limit a table to the rows of the transaction's organization; staff sees all rows."""
    condition = f"({column} = {ORGANIZATION} OR {STAFF})"
    return [
        enable(table),
        policy("tenant", table, f"USING {condition} WITH CHECK {condition}"),
    ]
