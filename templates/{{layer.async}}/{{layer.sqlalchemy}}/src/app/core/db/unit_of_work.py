"""The unit of work: the only code that commits (rule 4)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.engine import sessions
from app.core.errors import AppError


def after_commit(session: AsyncSession, callback: Callable[[], Awaitable[object]]) -> None:
    """Call `callback` once the transaction of `session` has committed, and never otherwise.

    It handles its own errors: the transaction can no longer be undone.
    """
    session.info.setdefault("after_commit", []).append(callback)


@asynccontextmanager
async def unit_of_work() -> AsyncIterator[AsyncSession]:
    """One transaction: committed when the block ends, rolled back when it raises.

    An AppError whose `commits` is true is raised after the commit.
    """
    failure: AppError | None = None
    async with sessions() as session:
        try:
            yield session
        except AppError as error:
            if not error.commits:
                raise
            failure = error
        await session.commit()
    for callback in session.info.pop("after_commit", []):
        await callback()
    if failure is not None:
        raise failure
