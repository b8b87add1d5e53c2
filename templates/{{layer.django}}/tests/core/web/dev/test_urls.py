from collections.abc import Iterator
from importlib import reload

import pytest
from django.test import Client
from django.urls import clear_url_caches
from pydantic import ValidationError

from app.config import urls
from app.core.web.dev.pages import PATHS, POLICY
from app.settings import Settings

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def client(is_local: bool) -> Iterator[Client]:
    """Return a client of the URLs with or without those for development."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(Settings, "is_local", is_local)
        reload(urls)
        clear_url_caches()
        yield Client()
    reload(urls)
    clear_url_caches()


@pytest.mark.parametrize("is_local", [True])
def test_local_development_serves_the_pages(client: Client) -> None:
    for path in PATHS:
        response = client.get(path)
        assert response.status_code == 200, path
        assert response.headers["Content-Security-Policy"] == POLICY
    assert not set(PATHS) & set(client.get("/openapi.json").json()["paths"])


@pytest.mark.parametrize("is_local", [True])
@pytest.mark.parametrize("name", ["..%2F..%2Fpyproject.toml", "..", "other.eml"])
def test_other_files_are_not_served(name: str, client: Client) -> None:
    assert client.get(f"/dev/mail/{name}").status_code == 404


@pytest.mark.parametrize("is_local", [False])
def test_pages_are_not_served_elsewhere(client: Client) -> None:
    for path in PATHS:
        assert client.get(path).status_code == 404, path


@pytest.mark.parametrize("path", PATHS)
def test_no_page_is_hidden_by_the_admin(path: str) -> None:
    with pytest.raises(ValidationError, match="path segment that the service uses"):
        Settings(admin_path=path.split("/")[1])
