import pytest
from httpx2 import ASGITransport, AsyncClient

from app.core.web.dev.pages import PATHS, POLICY
from app.main import create_app
from app.settings import Settings, settings

pytestmark = pytest.mark.usefixtures("database")


def _client(monkeypatch: pytest.MonkeyPatch, *, is_local: bool) -> AsyncClient:
    monkeypatch.setattr(Settings, "is_local", is_local)
    return AsyncClient(transport=ASGITransport(create_app()), base_url="http://test")


async def test_local_development_serves_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _client(monkeypatch, is_local=True) as client:
        for path in PATHS:
            response = await client.get(path)
            assert response.status_code == 200, path
            assert response.headers["Content-Security-Policy"] == POLICY
        document = (await client.get("/openapi.json")).json()
    assert not set(PATHS) & set(document["paths"])


@pytest.mark.parametrize("name", ["..%2F..%2Fpyproject.toml", "..", "other.eml"])
async def test_other_files_are_not_served(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _client(monkeypatch, is_local=True) as client:
        assert (await client.get(f"/dev/mail/{name}")).status_code == 404


async def test_pages_are_not_served_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.__dict__, "docs_enabled", True)
    async with _client(monkeypatch, is_local=False) as client:
        for path in PATHS:
            assert (await client.get(path)).status_code == 404, path
