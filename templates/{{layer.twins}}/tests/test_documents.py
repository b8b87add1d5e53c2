"""The requests that documents show exist."""

import re
from pathlib import Path

import pytest
from httpx2 import Client

from app.core.ids import uuid7
from tests.architecture.source import ROOT

# `POST /api/v1/...`, also as the arguments of a function: "POST", "/api/v1/...".
REQUEST = re.compile(
    r'\b(GET|POST|PATCH|DELETE)(?: |", ")(/(?:api/v1|_allauth|\.well-known)[^\s`"?]*)'
)
# A path alone; those with variables of a shell or a program are not complete.
PATH = re.compile(r"(?:localhost:\d+|[\s`\"])(/(?:api/v1|_allauth)/[a-z0-9/_-]+)(?=[\s`\"?])")
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_requests_in_documents_exist(client: Client, document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    requests = {(method, path) for method, path in REQUEST.findall(text)}
    requests |= {("", path) for path in PATH.findall(text)} - {("", path) for _, path in requests}
    for method, path in sorted(requests):
        url = re.sub(r"\{\w+\}", str(uuid7()), path)
        response = client.request(method or "PUT", url)
        missing = {404} if not method else {404, 405}
        assert response.status_code not in missing, f"{document.name}: {method} {path}"


def test_documents_show_requests() -> None:
    found = {path.name for path in DOCUMENTS if REQUEST.search(path.read_text(encoding="utf-8"))}
    assert {"api.md", "frontend.md"} <= found, "expected requests: is REQUEST in need of a change?"
