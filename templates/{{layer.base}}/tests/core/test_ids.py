import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from app.core.ids import uuid7


def test_uuid7_has_version_variant_and_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    # A burst may run the clock of the generator ahead of the wall clock by a little.
    assert before - 1 <= made.int >> 80 <= time.time_ns() // 1_000_000 + 10
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert UUID(str(made)) == made


def test_uuid7_sorts_as_made() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_uuid7_is_unique_across_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda _: [uuid7() for _ in range(1_000)], range(8)))
    assert len({value for part in parts for value in part}) == 8_000
    assert all(part == sorted(part) for part in parts)
