from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from app.core.db.connections import returned_to_pool


def run_concurrently[Result](calls: Iterable[Callable[[], Result]]) -> list[Result]:
    """Make all calls at the same time, each in a thread; return their results in order."""
    waiting = list(calls)
    with ThreadPoolExecutor(len(waiting)) as threads:
        return list(threads.map(_run, waiting))


def _run[Result](call: Callable[[], Result]) -> Result:
    with returned_to_pool():
        return call()
