"""scripts/make_sync.py, and the freshness of the synchronous twins."""

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
        ("    async with asyncio.timeout(5):\n        await f()\n", "    f()\n"),
        ("awaited = 'async'  # await\n", "awaited = 'async'  # await\n"),
    ],
)
def test_convert_makes_code_synchronous(source: str, twin: str) -> None:
    assert make_sync.convert(source) == twin


def test_twins_are_up_to_date(tmp_path: Path) -> None:
    make_sync.make(tmp_path)
    made = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*.py")}
    assert len(made) > 40, "expected more than 40 twins: is the layer's name right?"
    present = make_sync.below(make_sync.TWINS)
    stale = sorted(name for name in made | present if made.get(name) != present.get(name))
    assert not stale, "run: uv run scripts/make_sync.py"
