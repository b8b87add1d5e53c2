"""Calls released at the same moment, for tests of races."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial


def run_concurrently[Result](calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Start all calls at one barrier, a thread per call; return the results in order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def map_concurrently[Item, Result](
    call: Callable[[Item], Result], items: Iterable[Item]
) -> list[Result]:
    """Run one call per item with `run_concurrently`."""
    return run_concurrently([partial(call, item) for item in items])
