import pytest

from app import demo
from app.core.web.docs_page import render_page, render_script
from app.settings import Settings, settings


@pytest.mark.parametrize("is_local", [True, False])
def test_only_local_development_names_the_demo_user(
    is_local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "is_local", is_local)
    assert (demo.EMAIL in render_page()) == is_local


@pytest.mark.parametrize(
    ("environment", "persists"), [("development", "true"), ("production", "false")]
)
def test_production_forgets_tokens_on_reload(
    environment: str, persists: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.__dict__, "environment", environment)
    assert f"persistAuthorization: {persists}," in render_script()
