import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def run_concurrently[Result](
    calls: Iterable[Callable[[], Awaitable[Result]]],
) -> list[Result]:
    """Make all calls at the same time; return their results in order."""
    return await asyncio.gather(*(call() for call in calls))
