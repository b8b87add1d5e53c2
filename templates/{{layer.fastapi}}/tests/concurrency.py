"""Several calls at the same time, for races."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def run_concurrently[Result](
    calls: Iterable[Callable[[], Awaitable[Result]]],
) -> list[Result]:
    """Make all calls at once; what they returned, in their order."""
    return await asyncio.gather(*(call() for call in calls))
