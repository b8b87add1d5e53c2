"""The unit of work: the only code that commits (rule 4)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from app.core.db.engine import sessions
from app.core.errors import AppError


def after_commit(session: Session, callback: Callable[[], object]) -> None:
    """Call `callback` once the transaction of `session` has committed, and never otherwise.

    It handles its own errors: the transaction can no longer be undone.
    """
    session.info.setdefault("after_commit", []).append(callback)


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it raises.

    An AppError whose `commits` is true is raised after the commit.
    """
    failure: AppError | None = None
    with sessions() as session:
        try:
            yield session
        except AppError as error:
            if not error.commits:
                raise
            failure = error
        session.commit()
    for callback in session.info.pop("after_commit", []):
        callback()
    if failure is not None:
        raise failure
