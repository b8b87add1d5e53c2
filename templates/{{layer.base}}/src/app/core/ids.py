"""UUIDv7 (RFC 9562): ids sort by creation time, which keeps indexes compact.

An id reveals when its row was created, and is not a secret.
"""

import sys

__all__ = ["uuid7"]

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    import os
    import threading
    import time
    from uuid import UUID

    # 48 bits of milliseconds, then 74 bits: random in a new millisecond, incremented by a random
    # step within one (RFC 9562, section 6.2, method 2), so that ids sort in creation order.
    _TAIL_BITS = 74
    _lock = threading.Lock()
    _milliseconds = 0
    _tail = 0

    def _random(bits: int) -> int:
        return int.from_bytes(os.urandom(10)) >> (80 - bits)

    def uuid7() -> UUID:
        """Return a UUIDv7 that sorts after all earlier ones of this process."""
        global _milliseconds, _tail  # noqa: PLW0603 - ids must increase across the whole process
        with _lock:
            now = time.time_ns() // 1_000_000
            tail = _tail + 1 + _random(32)
            if now > _milliseconds:
                # The top bit starts as 0, so that the increments do not overflow.
                _milliseconds, tail = now, _random(_TAIL_BITS - 1)
            elif tail >> _TAIL_BITS:
                _milliseconds, tail = _milliseconds + 1, _random(_TAIL_BITS - 1)
            _tail = tail
            value = _milliseconds << 80
        value |= 0x7 << 76 | tail >> 62 << 64
        value |= 0b10 << 62 | tail & ((1 << 62) - 1)
        return UUID(int=value)
