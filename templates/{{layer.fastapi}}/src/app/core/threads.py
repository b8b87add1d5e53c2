"""CPU-bound work off the event loop."""

import os
from collections.abc import Callable
from functools import partial

from anyio import CapacityLimiter, to_thread

# Argon2 takes a core and 19 MiB for each call: more at once than cores would only cost memory.
# Four at most, because a container sees all cores of its host, whatever its share of them.
_limiter = CapacityLimiter(min(4, os.cpu_count() or 1))


async def run_cpu_bound[**Arguments, Result](
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Call a function in a thread, no more at a time than there are cores."""
    return await to_thread.run_sync(partial(function, *args, **kwargs), limiter=_limiter)
