from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor


def run_concurrently[Result](calls: Iterable[Callable[[], Result]]) -> list[Result]:
    """Make all calls at the same time, each in a thread; return their results in order."""
    waiting = list(calls)
    with ThreadPoolExecutor(len(waiting)) as threads:
        return list(threads.map(lambda call: call(), waiting))
