"""Calls released at the same moment, for tests of races."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial


def run_concurrently[Answer](calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Start all calls at one barrier, a thread per call; return the results in order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def map_concurrently[Item, Answer](
    call: Callable[[Item], Answer], items: Iterable[Item]
) -> list[Answer]:
    """Run one call per item with `run_concurrently`."""
    return run_concurrently([partial(call, item) for item in items])
