"""A list needs as many SQL statements for twenty rows as for one (rule 8)."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from tests.architecture.source import ROOT
from tests.creations import CREATIONS
from tests.database import capture_statements
from tests.factories import Factory, SignedInUser
from tests.tenant_rows import create_row

type AddRow = Callable[[Factory, SignedInUser, UUID], Awaitable[None]]

BELOW = "/organizations/{organization_id}"


def _lists(document: dict[str, Any]) -> set[str]:
    """Return the paths, below /api/v1, whose response is a page of a list."""
    pages = {
        f"#/components/schemas/{name}"
        for name, schema in document["components"]["schemas"].items()
        if {"items", "next_cursor"} <= set(schema.get("properties", ()))
    }
    found = set()
    for path, operations in document["paths"].items():
        content = operations.get("get", {"responses": {}})["responses"].get("200", {})
        schema = content.get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref") in pages:
            found.add(path.removeprefix("/api/v1"))
    return found


async def _session(factory: Factory, owner: SignedInUser, organization: UUID) -> None:
    await factory.user_session(owner.id)


async def _organization(factory: Factory, owner: SignedInUser, organization: UUID) -> None:
    await factory.organization(owner)


async def _member(factory: Factory, owner: SignedInUser, organization: UUID) -> None:
    await factory.member(organization, "viewer")


def _created(path: str) -> AddRow:
    async def create(factory: Factory, owner: SignedInUser, organization: UUID) -> None:
        await create_row(owner, organization, path)

    return create


LISTS = _lists(json.loads((ROOT / "openapi.json").read_text()))
CREATED = {f"{BELOW}/{path}": _created(path) for path, _ in CREATIONS}
# Adds one row to each list of the API.
ADD_ROW: dict[str, AddRow] = {
    "/auth/sessions": _session,
    "/organizations": _organization,
    f"{BELOW}/members": _member,
    f"{BELOW}/audit-events": CREATED[f"{BELOW}/projects"],
    **{path: create for path, create in CREATED.items() if path in LISTS},
}


def test_every_list_is_tested() -> None:
    untested = LISTS - set(ADD_ROW)
    assert not untested, (
        "openapi.json has lists that no test adds rows to: add the request that creates a row to"
        " CREATIONS in tests/creations.py, or a function to ADD_ROW in tests/test_lists.py,"
        f" for {sorted(untested)}"
    )
    gone = set(ADD_ROW) - LISTS
    assert not gone, f"openapi.json has no such list: remove {sorted(gone)} from ADD_ROW"


@pytest.mark.parametrize("path", sorted(LISTS & set(ADD_ROW)))
async def test_more_rows_need_no_more_statements(factory: Factory, path: str) -> None:
    owner = await factory.user()
    organization = await factory.organization(owner)

    async def read() -> tuple[int, list[str]]:
        with capture_statements() as statements:
            response = await owner.request(
                "GET", path.format(organization_id=organization), params={"limit": 100}
            )
        assert response.status_code == 200, response.text
        items = response.json()["items"]
        return len(items), [sql for sql in statements if "SAVEPOINT" not in sql]

    await ADD_ROW[path](factory, owner, organization)
    few_rows, few = await read()
    for _ in range(20):
        await ADD_ROW[path](factory, owner, organization)
    many_rows, many = await read()
    assert many_rows >= few_rows + 20
    assert len(many) == len(few), (
        "expected as many statements for more rows: load relations in the query of the list, in"
        f" queries.py\n{'\n'.join(many)}"
    )
    # Authentication, tenant, role, page, related rows.
    assert len(few) <= 6, "\n".join(few)
