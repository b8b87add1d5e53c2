"""Demo data for development: a user with an organization and projects, and a staff user."""

from app.accounts import queries
from app.accounts import service as accounts
from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.demo import EMAIL, PASSWORD
from app.organizations import service as organizations
from app.projects import service as projects

STAFF_EMAIL = "staff@example.com"
PROJECTS = ("Website relaunch", "Mobile app", "Data warehouse")


def seed_demo() -> None:
    """Create the users unless they exist; a second run changes nothing."""
    with unit_of_work():
        if queries.find_user_id(STAFF_EMAIL) is None:
            staff_id = accounts.create_user(
                email=STAFF_EMAIL, name="Demo Staff", password=PASSWORD, verified=True
            )
            accounts.set_staff(user_id=staff_id, staff=True)
        if queries.find_user_id(EMAIL) is not None:
            return
        user_id = accounts.create_user(
            email=EMAIL, name="Demo User", password=PASSWORD, verified=True
        )
        tenancy.enter_user(user_id)
        organization = organizations.create_organization(user_id=user_id, name="Demo Organization")
        for name in PROJECTS:
            projects.create_project(
                organization_id=organization.id,
                created_by=user_id,
                name=name,
                description="",
            )
