"""Generate the synchronous twins of the asynchronous code: `uv run scripts/make_sync.py`.

Every file below `{{layer.async}}`, also inside the directory of a feature, has its twin at the same
path below `{{layer.twins}}`. The conversion works on tokens: it removes `await`, renames
`AsyncSession` to `Session`, and so on; ruff formats the result. A test compares the twins with what
this script generates. The reasons are in docs/adr/0005-one-source-for-both.md.
"""

import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from tokenize import COMMENT, NAME, NL, OP, STRING, TokenInfo, generate_tokens

type Place = tuple[int, int]

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
SOURCE, TWINS = "{{layer.async}}", "{{layer.twins}}"

SPACE = {COMMENT, NL}
# Keywords removed with the following white space.
DROPPED = {"async", "await"}
NAMES = {
    "AsyncClient": "Client",
    "AsyncHTTPTransport": "HTTPTransport",
    "AsyncIterator": "Iterator",
    "AsyncOAuth2Client": "OAuth2Client",
    "AsyncOAuth2Mixin": "OAuth2Mixin",
    "AsyncOpenIDMixin": "OpenIDMixin",
    "AsyncSession": "Session",
    "aclose": "close",
    "aread": "read",
    "async_app": "sync_app",
    "async_openid": "sync_openid",
    "async_sessionmaker": "sessionmaker",
    "asynccontextmanager": "contextmanager",
    "create_async_engine": "create_engine",
    "handle_async_request": "handle_request",
}
WORDS = re.compile(rf"\b({'|'.join(NAMES)})\b")
# Replacements beyond single names, applied in order before the tokens.
TEXTS = (
    # Blocking calls need no thread of their own: each request has a thread.
    (r"await to_thread\.run_sync\(\s*lambda: (.+)\)\n", r"\1\n"),
    (r"await run_cpu_bound\(\s*([\w.]+), ", r"\1("),
    (r"from anyio import to_thread\n", ""),
    (r"from app\.core\.threads import run_cpu_bound\n", ""),
    (r" *# Compressing is CPU-bound, .*\n", ""),
    # A thread has no time limit: that of a statement ends what waits for the database.
    (r"( +)async with asyncio\.timeout\(.*\):\n +(.*\n)", r"\1\2"),
    (r"await asyncio\.sleep\(", "time.sleep("),
    (r"await asyncio\.to_thread\(\s*([\w.]+), ", r"\1("),
    (r"(?m)^import asyncio$", "import time"),
    # Coroutine runners and awaitables.
    (r"(?s)def _synchronous\[.*?\n\n\n", ""),
    (r"@_synchronous\n", ""),
    (r"\.sync_(engine|connection)\b", ""),
    (r"Awaitable\[([^\[\]]+)\]", r"\1"),
    (r'(?s)@pytest.fixture\(scope="session"\)\ndef anyio_backend.*?\n\n\n', ""),
    (r", anyio_backend: str", ""),
    # SQLAlchemy, Redis and limits have synchronous variants in other modules.
    (r"from sqlalchemy\.ext\.asyncio import ", "from sqlalchemy.orm import "),
    (
        r"\.orm import (.*), create_async_engine\n",
        r".orm import \1\nfrom sqlalchemy import create_engine\n",
    ),
    (r"from redis\.asyncio import ", "from redis import "),
    (r"from limits\.aio\.", "from limits."),
    (r' *implementation="redispy",\n', ""),
    (r"(client\.connection_pool,)  # type: ignore.*", r"\1"),
)


def convert(source: str) -> str:
    """Convert asynchronous to synchronous code; the result needs formatting by ruff."""
    for pattern, replacement in TEXTS:
        source = re.sub(pattern, replacement, source)
    starts = [0, *accumulate(len(line) for line in source.splitlines(keepends=True))]
    for (row, column), (last_row, last_column), text in reversed(list(_changes(source))):
        start, end = starts[row - 1] + column, starts[last_row - 1] + last_column
        source = source[:start] + text + source[end:]
    return source


def _changes(source: str) -> Iterator[tuple[Place, Place, str]]:
    """Yield changes in source order: start, end and the new text."""
    tokens = [t for t in generate_tokens(io.StringIO(source).readline) if t.type not in SPACE]
    closing: set[int] = set()
    for index, token in enumerate(tokens):
        if (token.type, token.string) == (OP, "(") and tokens[index + 1].string == "await":
            end = _closing(tokens, index)
            if tokens[index - 1].type != NAME and tokens[end + 1].string == ".":
                # Parentheses of `(await ...).attribute` become superfluous.
                closing.add(end)
                yield token.start, tokens[index + 1].start, ""
        elif index in closing:
            yield tokens[index - 1].end, token.end, ""
        elif token.type == NAME and token.string in DROPPED:
            yield token.start, tokens[index + 1].start, ""
        elif token.type in {NAME, STRING}:
            yield token.start, token.end, WORDS.sub(lambda word: NAMES[word[0]], token.string)


def _closing(tokens: list[TokenInfo], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[index].string, 0)
        if depth == 0:
            return index
    raise ValueError("no closing parenthesis")


def below(layer: str) -> dict[str, bytes]:
    """Return the Python files of a layer and of the layers of that name in features, by path."""
    return {
        str(path.relative_to(TEMPLATES)): path.read_bytes()
        for path in sorted(TEMPLATES.rglob("*.py"))
        if layer in path.parts
    }


def make(directory: Path) -> None:
    """Write all twins below a directory and format them."""
    for name, source in below(SOURCE).items():
        path = directory / name.replace(SOURCE, TWINS)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(convert(source.decode()), encoding="utf-8")
    ruff = Path(sys.executable).with_name("ruff")
    options = ("--no-cache", "--isolated", "--line-length=100", "--target-version=py312", "--quiet")
    first_party = "--config=lint.isort.known-first-party=['app','scripts','tests','tools']"
    for command in (
        ("check", "--select=C416,F401,I,SIM117,UP034", "--unsafe-fixes", "--fix-only", first_party),
        ("format",),
    ):
        subprocess.run([ruff, *command, *options, directory], check=True)


def main() -> None:
    """Replace the contents of the twins' layers."""
    with tempfile.TemporaryDirectory(dir=TEMPLATES.parent) as directory:
        made = Path(directory)
        make(made)
        for twins in list(TEMPLATES.rglob(TWINS)):
            shutil.rmtree(twins)
        shutil.copytree(made, TEMPLATES, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
