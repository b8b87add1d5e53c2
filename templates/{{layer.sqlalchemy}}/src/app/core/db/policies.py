"""Row-level security, for migrations.

Released migrations call these functions: do not change their SQL, add a function instead.
"""

from alembic import op

# The sub-select is an InitPlan, computed once, so that PostgreSQL uses indexes on the column.
# Without a tenant it is NULL, which equals nothing: the policies fail closed.
ORGANIZATION = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
USER = "(SELECT nullif(current_setting('app.user_id', true), '')::uuid)"


def enable(table: str) -> None:
    """Enable and force row-level security: without a policy even the owner sees no rows."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def policy(name: str, table: str, clauses: str) -> None:
    op.execute(f"CREATE POLICY {name} ON {table} {clauses}")


def tenant(table: str, column: str = "organization_id") -> None:
    """Limit a table to the rows of the transaction's organization."""
    enable(table)
    condition = f"({column} = {ORGANIZATION})"
    policy("tenant", table, f"USING {condition} WITH CHECK {condition}")
