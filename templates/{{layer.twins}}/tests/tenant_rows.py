"""Rows of organizations, created through the API as `tests/creations.py` describes them."""

from typing import Any
from uuid import UUID

from tests.creations import CREATIONS, filled, references
from tests.factories import SignedInUser


def new_body(owner: SignedInUser, organization: UUID, path: str) -> dict[str, Any]:
    """Return a request body for a new row, after creating the rows that it refers to."""
    body = dict(CREATIONS)[path]
    ids = {name: create_row(owner, organization, name) for name in references(body)}
    return filled(body, ids)


def create_row(owner: SignedInUser, organization: UUID, path: str) -> str:
    """Create a row, and the rows that it refers to; return its id."""
    body = new_body(owner, organization, path)
    response = owner.request("POST", f"/organizations/{organization}/{path}", json=body)
    assert response.status_code in {201, 202}, response.text
    id_: str = response.json()["id"]
    return id_
