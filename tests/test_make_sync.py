"""The synchronous twins: what the tool does, and that the layers have what it gives today."""

from pathlib import Path

import pytest

from scripts import make_sync


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        (
            "async def f(s: AsyncSession) -> None:\n    await g(s)\n",
            "def f(s: Session) -> None:\n    g(s)\n",
        ),
        ("row = (\n    await s.execute(q)\n).one()\n", "row = s.execute(q).one()\n"),
        ("n = (await s.scalar(q)) or 0\n", "n = (s.scalar(q)) or 0\n"),
        ("async for page in pages():\n    use(page)\n", "for page in pages():\n    use(page)\n"),
        ('def f() -> "AsyncClient": ...\n', 'def f() -> "Client": ...\n'),
        ("hash = await run_cpu_bound(passwords.hash, word)\n", "hash = passwords.hash(word)\n"),
        ("async with asyncio.timeout(5):\n    await f()\n", "with deadline(5):\n    f()\n"),
        ("awaited = 'async'  # await\n", "awaited = 'async'  # await\n"),
    ],
)
def test_conversion(source: str, twin: str) -> None:
    assert make_sync.convert(source) == twin


def test_the_twins_are_fresh(tmp_path: Path) -> None:
    make_sync.make(tmp_path)
    names = make_sync.twins()
    assert len(names) > 40, "the tool has lost its way"
    stale = [
        name
        for name in names
        if not make_sync.target(name).is_file()
        or make_sync.target(name).read_bytes() != (tmp_path / name).read_bytes()
    ]
    assert not stale, "run: uv run scripts/make_sync.py"


def test_twins_whose_source_is_gone() -> None:
    """A file that only looks generated would never be updated again."""
    twins = {make_sync.target(name) for name in make_sync.twins()}
    written = {
        path
        for layer in (make_sync.FLASK, make_sync.SYNC)
        for pattern in make_sync.CONVERTED
        for path in layer.glob(pattern)
    }
    assert written - twins == {make_sync.FLASK / name for name in make_sync.BY_HAND}
