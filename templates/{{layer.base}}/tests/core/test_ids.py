import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from app.core.ids import uuid7


def test_uuid7_has_version_variant_and_time() -> None:
    before = time.time_ns() // 1_000_000
    new = uuid7()
    # After a burst of ids, the generator can be a few milliseconds ahead of the clock.
    assert before - 1 <= new.int >> 80 <= time.time_ns() // 1_000_000 + 10
    assert new.version == 7
    assert new.variant == "specified in RFC 4122"
    assert UUID(str(new)) == new


def test_uuid7_sorts_by_creation() -> None:
    ids = [uuid7() for _ in range(20_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_uuid7_is_unique_across_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda _: [uuid7() for _ in range(1_000)], range(8)))
    assert len({value for part in parts for value in part}) == 8_000
    assert all(part == sorted(part) for part in parts)
