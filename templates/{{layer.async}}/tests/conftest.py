"""Fixtures of all tests.

A test with the fixture `database` or `client` runs in a transaction that is rolled back at its
end. A test marked `committed` commits, which other transactions and processes need in order to see
its rows; its tables are truncated afterwards.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from httpx2 import AsyncClient

    from tests.factories import Factory

# The servers and the environment; then the fixtures `migrated` and `database`.
pytest_plugins = ["tests.servers", "tests.isolation"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(database: None) -> "AsyncIterator[AsyncClient]":
    """An HTTP client that calls the application in this process."""
    from httpx2 import AsyncClient

    from tests.transport import transport

    async with AsyncClient(transport=transport(), base_url="http://test") as client:
        yield client


@pytest.fixture
def factory(client: "AsyncClient") -> "Factory":
    from tests.factories import Factory

    return Factory(client)


@pytest.fixture
def mails(migrated: None) -> Path:
    """Return the directory of sent mails, emptied."""
    from app.settings import settings

    for path in settings.mail_dir.glob("*.eml"):
        path.unlink()
    return settings.mail_dir
