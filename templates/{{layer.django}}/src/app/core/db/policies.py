"""Row-level security, for the migration that creates a tenant's table.

What a released migration has used must not change: a new shape of policy is a new function.
"""

from django.db.migrations import RunSQL

# The sub-select makes it an InitPlan, computed once, so that indexes on the column are used.
# No tenant set gives NULL, which equals nothing: the policies fail closed.
ORGANIZATION = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
USER = "(SELECT nullif(current_setting('app.user_id', true), '')::uuid)"
# The admin's transactions are open to every organization.
STAFF = "(SELECT current_setting('app.staff', true) = 'on')"


def enable(table: str) -> RunSQL:
    """Enable and force it; without a policy nobody sees a row, not even the owner."""
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
    """Open rows of the table."""
    return RunSQL(f"CREATE POLICY {name} ON {table} {clauses}", f"DROP POLICY {name} ON {table}")


def tenant(table: str, column: str = "organization_id") -> list[RunSQL]:
    """Open the rows of one organization to its transactions, and all to the staff's."""
    condition = f"({column} = {ORGANIZATION} OR {STAFF})"
    return [
        enable(table),
        policy("tenant", table, f"USING {condition} WITH CHECK {condition}"),
    ]
