import pytest

from app import demo
from app.core.web.docs_page import render_page, render_script
from app.settings import settings


@pytest.mark.parametrize("environment", ["development", "test", "production"])
def test_only_development_names_the_demo_user(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.__dict__, "environment", environment)
    assert (demo.EMAIL in render_page()) == (environment == "development")


@pytest.mark.parametrize(
    ("environment", "persists"), [("development", "true"), ("production", "false")]
)
def test_production_forgets_tokens_on_reload(
    environment: str, persists: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.__dict__, "environment", environment)
    assert f"persistAuthorization: {persists}," in render_script()
