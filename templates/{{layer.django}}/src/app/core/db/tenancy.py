"""The tenant of a transaction, which the row-level security policies compare rows with.

The settings are local to the transaction: a pooled connection, also behind PgBouncer, never
carries a tenant into the next transaction. Without them the policies show no rows, and the manager
`tenant` of a model raises.
"""

from uuid import UUID

from app.core.db.unit_of_work import current


def organization_id() -> UUID:
    """Return the organization of the transaction; RuntimeError when it has none."""
    found = current().organization_id
    if found is None:
        raise RuntimeError("the transaction has no organization: call tenancy.enter_organization")
    return found


def is_staff() -> bool:
    return current().is_staff


def enter_organization(organization_id: UUID) -> None:
    """Give the transaction access to an organization; RuntimeError when it has another one."""
    work = current()
    if work.organization_id not in {None, organization_id}:
        # Code with two tenants in one transaction can copy data from one to the other.
        raise RuntimeError("the transaction belongs to another organization")
    work.organization_id = organization_id
    work.set_local(app__organization_id=str(organization_id))


def leave_organization() -> None:
    """End the access, for the few use cases that enter several organizations."""
    work = current()
    work.organization_id = None
    work.set_local(app__organization_id="")


def enter_user(user_id: UUID) -> None:
    """Give the transaction access to the user's memberships in all organizations."""
    current().set_local(app__user_id=str(user_id))


def enter_staff() -> None:
    """Give the transaction access to all organizations. For the admin and `dumpdata` only."""
    work = current()
    work.is_staff = True
    work.set_local(app__staff="on")
