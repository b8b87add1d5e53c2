import pytest
from flask.testing import FlaskClient

from app.core.web.dev.pages import PATHS, POLICY
from app.main import create_app
from app.settings import Settings, settings

pytestmark = pytest.mark.usefixtures("database")


def _client(monkeypatch: pytest.MonkeyPatch, *, is_local: bool) -> FlaskClient:
    monkeypatch.setattr(Settings, "is_local", is_local)
    return create_app().test_client()


def test_local_development_serves_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _client(monkeypatch, is_local=True)
    for path in PATHS:
        response = client.get(path)
        assert response.status_code == 200, path
        assert response.headers["Content-Security-Policy"] == POLICY
    assert not set(PATHS) & set(client.get("/openapi.json").get_json()["paths"])


@pytest.mark.parametrize("name", ["..%2F..%2Fpyproject.toml", "..", "other.eml"])
def test_other_files_are_not_served(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _client(monkeypatch, is_local=True)
    assert client.get(f"/dev/mail/{name}").status_code == 404


def test_pages_are_not_served_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.__dict__, "docs_enabled", True)
    client = _client(monkeypatch, is_local=False)
    for path in PATHS:
        assert client.get(path).status_code == 404, path
