"""What the commands of `python -m app` do in the database."""

from uuid import UUID

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
        user_id = queries.find_user_id(session, email.strip().lower())
        if user_id is None:
            raise NotFound("account with this address")
        change = service.disable_user if disabled else service.enable_user
        change(session, user_id=user_id)
