"""Demo data for development: one user, one organization, a few projects."""

from app.accounts import queries
from app.accounts import service as accounts
from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.demo import EMAIL, PASSWORD
from app.organizations import service as organizations
from app.projects import service as projects

PROJECTS = ("Website relaunch", "Mobile app", "Data warehouse")


async def seed_demo() -> None:
    """Create the demo user with an organization; does nothing if the user exists."""
    async with unit_of_work() as session:
        if await queries.find_user_id(session, EMAIL) is not None:
            return
        user_id = await accounts.create_user(
            session, email=EMAIL, name="Demo User", password=PASSWORD, verified=True
        )
        await tenancy.enter_user(session, user_id)
        organization = await organizations.create_organization(
            session, user_id=user_id, name="Demo Organization"
        )
        for name in PROJECTS:
            await projects.create_project(
                session,
                organization_id=organization.id,
                created_by=user_id,
                name=name,
                description="",
            )
