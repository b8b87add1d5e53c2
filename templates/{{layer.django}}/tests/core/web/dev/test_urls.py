from collections.abc import Iterator
from importlib import reload

import pytest
from django.test import Client
from django.urls import clear_url_caches

from app.config import urls
from app.core.web.dev.pages import ASSETS, PAGES, POLICY
from app.settings import settings

PATHS = [*PAGES, *(f"/dev/{name}" for name in ASSETS), "/dev/mail"]
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def client(environment: str) -> Iterator[Client]:
    """Return a client of the URLs that an environment has."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(settings.__dict__, "environment", environment)
        reload(urls)
        clear_url_caches()
        yield Client()
    reload(urls)
    clear_url_caches()


@pytest.mark.parametrize("environment", ["development"])
def test_development_serves_the_pages(client: Client) -> None:
    for path in PATHS:
        response = client.get(path)
        assert response.status_code == 200, path
        if not path.endswith((".js", ".css")):
            assert response.headers["Content-Security-Policy"] == POLICY
    assert not set(PATHS) & set(client.get("/openapi.json").json()["paths"])


@pytest.mark.parametrize("environment", ["development"])
@pytest.mark.parametrize("name", ["..%2F..%2Fpyproject.toml", "..", "other.eml"])
def test_other_files_are_not_served(name: str, client: Client) -> None:
    assert client.get(f"/dev/mail/{name}").status_code == 404


@pytest.mark.parametrize("environment", ["test", "production"])
def test_other_environments_do_not(client: Client) -> None:
    for path in PATHS:
        assert client.get(path).status_code == 404, path
