"""The tenant of a transaction: what the row-level security policies compare rows with.

The settings are local to the transaction, so a pooled connection never carries a tenant to its
next user, not even behind PgBouncer. Without them the policies show no row at all.
"""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def enter_organization(session: Session, organization_id: UUID) -> None:
    """Open this transaction to one organization's rows; RuntimeError if it has another's open."""
    if session.info.setdefault("organization_id", organization_id) != organization_id:
        # A second tenant in one transaction is how data crosses over.
        raise RuntimeError("the transaction belongs to another organization")
    session.execute(select(func.set_config("app.organization_id", str(organization_id), True)))


def leave_organization(session: Session) -> None:
    """Close the transaction to the organization again; the few that visit several call it."""
    session.info.pop("organization_id", None)
    session.execute(select(func.set_config("app.organization_id", "", True)))


def enter_user(session: Session, user_id: UUID) -> None:
    """Open this transaction to the user's own memberships, in whatever organization."""
    session.execute(select(func.set_config("app.user_id", str(user_id), True)))
