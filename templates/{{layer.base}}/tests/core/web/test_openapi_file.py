from pathlib import Path

import pytest

from app.core.web import openapi_file


def test_written_document_is_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi_file, "PATH", tmp_path / "openapi.json")
    openapi_file.write({"info": {"title": "Größe"}})
    assert openapi_file.is_current({"info": {"title": "Größe"}})
    assert not openapi_file.is_current({"info": {"title": "Size"}})
    assert "Größe" in openapi_file.PATH.read_text(encoding="utf-8")
