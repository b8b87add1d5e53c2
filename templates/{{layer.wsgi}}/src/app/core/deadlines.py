"""A time limit for what runs in a thread."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_interrupt = ctypes.pythonapi.PyThreadState_SetAsyncExc


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in this thread when the block takes longer.

    A system call is not cut short: what waits for others needs a time-out of its own as well.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    lock = threading.Lock()
    is_over = False

    def interrupt() -> None:
        with lock:
            if not is_over:
                _interrupt(thread, ctypes.py_object(TimeoutError))

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            is_over = True
            _interrupt(thread, None)  # if it was on its way
        timer.cancel()
