"""The tenant of a transaction, which the row-level security policies compare rows with.

The settings are local to the transaction: a pooled connection never keeps a tenant for the next
transaction, even behind PgBouncer. Without them the policies show no rows.
"""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession


async def enter_organization(session: AsyncSession, organization_id: UUID) -> None:
    """Set the tenant of this transaction; RuntimeError if it has another one."""
    if session.info.setdefault("organization_id", organization_id) != organization_id:
        # Data could leak between tenants that share a transaction.
        raise RuntimeError("the transaction belongs to another organization")
    await session.execute(
        select(func.set_config("app.organization_id", str(organization_id), True))
    )


async def leave_organization(session: AsyncSession) -> None:
    """Reset the tenant, in a transaction that handles several organizations in turn."""
    session.info.pop("organization_id", None)
    await session.execute(select(func.set_config("app.organization_id", "", True)))


async def enter_user(session: AsyncSession, user_id: UUID) -> None:
    """Let this transaction read the user's own memberships in all organizations."""
    await session.execute(select(func.set_config("app.user_id", str(user_id), True)))
