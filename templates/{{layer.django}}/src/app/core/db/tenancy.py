"""The tenant of a transaction: what the row-level security policies compare rows with.

The settings are local to the transaction, so a pooled connection never carries a tenant to its
next user, not even behind PgBouncer. Without them the policies show no row at all, and the
managers of tenant models make no query.
"""

from uuid import UUID

from app.core.db.unit_of_work import current


def organization_id() -> UUID:
    """The organization that the transaction was opened to; RuntimeError when there is none."""
    found = current().organization_id
    if found is None:
        raise RuntimeError("the transaction was not opened to an organization")
    return found


def is_staff() -> bool:
    """Tell whether the transaction was opened to the staff."""
    return current().is_staff


def enter_organization(organization_id: UUID) -> None:
    """Open this transaction to one organization's rows; RuntimeError if it has another's open."""
    work = current()
    if work.organization_id not in {None, organization_id}:
        # A second tenant in one transaction is how data crosses over.
        raise RuntimeError("the transaction belongs to another organization")
    work.organization_id = organization_id
    work.set_local(app__organization_id=str(organization_id))


def leave_organization() -> None:
    """Close the transaction to the organization again; the few that visit several call it."""
    work = current()
    work.organization_id = None
    work.set_local(app__organization_id="")


def enter_user(user_id: UUID) -> None:
    """Open this transaction to the user's own memberships, in whatever organization."""
    current().set_local(app__user_id=str(user_id))


def enter_staff() -> None:
    """Open this transaction to every organization: for the admin alone."""
    work = current()
    work.is_staff = True
    work.set_local(app__staff="on")
