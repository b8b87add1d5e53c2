"""What the commands of `python -m app` do in the database."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries, service
from app.core.db.unit_of_work import unit_of_work
from app.core.errors import NotFound
from app.core.jobs import outbox
from app.core.jobs.attempts import summarize
from app.seed import seed_demo


def seed() -> None:
    seed_demo()


def list_jobs(*, dead_letters: bool) -> list[str]:
    """Return a line for each open job, or else for each dead letter."""
    with unit_of_work() as session:
        entries = outbox.list_jobs(session, dead_letters=dead_letters)
        return [summarize(entry) for entry in entries]


def replay_job(job_id: UUID) -> None:
    """Make a dead letter an open job with all its attempts; NotFound when it is none."""
    with unit_of_work() as session:
        outbox.replay(session, job_id)


def set_user_disabled(email: str, *, disabled: bool) -> None:
    """Disable or enable an account; NotFound when there is none with this address."""
    with unit_of_work() as session:
        change = service.disable_user if disabled else service.enable_user
        change(session, user_id=_get_user_id(session, email))


def create_user(email: str, *, name: str | None, password: str, verified: bool) -> None:
    """Create an account; Conflict if the address has one, Invalid by the rules of a sign-up."""
    with unit_of_work() as session:
        service.create_user(session, email=email, name=name, password=password, verified=verified)


def verify_user(email: str) -> None:
    """Verify the address of an account; NotFound when there is none, Conflict if it is verified."""
    with unit_of_work() as session:
        service.verify_user(session, user_id=_get_user_id(session, email))


def _get_user_id(session: Session, email: str) -> UUID:
    user_id = queries.find_user_id(session, email.strip().lower())
    if user_id is None:
        raise NotFound("account with this address")
    return user_id
