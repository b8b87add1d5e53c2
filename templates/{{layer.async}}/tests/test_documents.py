"""The requests that documents show exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from app.core.ids import uuid7
from tests.architecture.source import ROOT

# `POST /api/v1/...`, also as the arguments of a function: "POST", "/api/v1/...".
REQUEST = re.compile(
    r'\b(GET|POST|PATCH|DELETE)(?: |", ")(/(?:api/v1|_allauth|\.well-known)[^\s`"?]*)'
)
# A path alone, without variables of a shell or a program.
PATH = re.compile(r"(?:localhost:\d+|[\s`\"])(/(?:api/v1|_allauth)/[a-z0-9/_-]+)(?=[\s`\"?])")


def _requests(document: Path) -> Iterator[tuple[str, str]]:
    """Yield method and path of each request; the method of a path alone is empty."""
    text = document.read_text(encoding="utf-8")
    requests = set(REQUEST.findall(text))
    yield from sorted(requests)
    yield from (("", path) for path in sorted(set(PATH.findall(text)) - {p for _, p in requests}))


DOCUMENTS = {path.name: list(_requests(path)) for path in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("document", sorted(DOCUMENTS))
async def test_requests_in_documents_exist(client: AsyncClient, document: str) -> None:
    for method, path in DOCUMENTS[document]:
        url = re.sub(r"\{\w+\}", str(uuid7()), path)
        response = await client.request(method or "PUT", url)
        missing = {404, 405} if method else {404}
        assert response.status_code not in missing, f"docs/{document}: {method} {path}"


def test_documents_show_requests() -> None:
    for document in ("api.md", "frontend.md"):
        assert DOCUMENTS[document], f"expected requests in docs/{document}: is REQUEST outdated?"
