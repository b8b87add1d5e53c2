from collections.abc import Iterator
from importlib import reload

import pytest

from app.core.web import headers
from app.settings import settings


@pytest.fixture(autouse=True)
def _restore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()
    reload(headers)


@pytest.mark.parametrize("environment", ["development", "test", "production"])
def test_strict_transport_security_is_sent_in_production_only(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.__dict__, "environment", environment)
    monkeypatch.setitem(settings.__dict__, "public_url", "https://localhost:5173")
    sent = "Strict-Transport-Security" in reload(headers).SECURITY_HEADERS
    assert sent == (environment == "production")
