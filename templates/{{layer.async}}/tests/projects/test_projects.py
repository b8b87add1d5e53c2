from functools import partial
from typing import Any
from uuid import UUID

import pytest

from tests.concurrency import run_concurrently
from tests.factories import Factory, SignedInUser


async def _path(factory: Factory, owner: SignedInUser) -> str:
    return f"/organizations/{await factory.organization(owner)}/projects"


async def _create(user: SignedInUser, path: str, name: str, **more: Any) -> dict[str, Any]:
    response = await user.request("POST", path, json={"name": name, **more})
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def test_create_read_update_delete(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    created = await ada.request("POST", path, json={"name": " Apollo ", "description": "a\nb"})
    assert created.status_code == 201
    body = created.json()
    assert (body["name"], body["description"]) == ("Apollo", "a\nb")
    assert (body["status"], body["version"], body["created_by"]) == ("active", 1, str(ada.id))
    assert UUID(body["id"]).version == 7
    assert body["created_at"].endswith("Z")
    one = f"{path}/{body['id']}"
    assert created.headers["location"] == f"/api/v1{one}"

    changed = await ada.request("PATCH", one, json={"status": "archived"})
    assert (changed.json()["status"], changed.json()["version"]) == ("archived", 2)
    assert changed.json()["description"] == "a\nb"
    stale = await ada.request(
        "PATCH", one, json={"name": "X"}, headers={"If-Match": created.headers["etag"]}
    )
    assert stale.status_code == 412
    gone = await ada.request("DELETE", one, headers={"If-Match": changed.headers["etag"]})
    assert gone.status_code == 204
    assert (await ada.request("GET", one)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": " \t "},
        {"name": "a\x00b"},
        {"name": "a\nb"},
        {"name": "x" * 121},
        {"name": "ok", "description": "\x1b[2J"},
        {"name": "ok", "description": None},
        {"name": "ok", "organization_id": "0190d0f0-0000-7000-8000-000000000000"},
        {"name": ["ok"]},
        [],
        None,
    ],
)
async def test_invalid_body_is_rejected(factory: Factory, body: Any) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    response = await ada.request("POST", path, json=body)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"]


async def test_lone_surrogate_is_rejected(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    lone_surrogate = b'{"name": "\\ud800"}'
    headers = {"Content-Type": "application/json"}
    response = await ada.request("POST", path, content=lone_surrogate, headers=headers)
    assert response.status_code == 422


@pytest.mark.parametrize("body", [{}, {"name": None}, {"status": "deleted"}, {"version": 3}])
async def test_invalid_update_is_rejected(factory: Factory, body: dict[str, Any]) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    project = await _create(ada, path, "Apollo")
    response = await ada.request("PATCH", f"{path}/{project['id']}", json=body)
    assert response.status_code == 422


async def test_name_is_unique_ignoring_case(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    await _create(ada, path, "Straße")
    taken = await ada.request("POST", path, json={"name": "STRASSE"})
    assert taken.status_code == 409
    other = await _create(ada, path, "Other")
    renamed = await ada.request("PATCH", f"{path}/{other['id']}", json={"name": "strasse"})
    assert renamed.status_code == 409
    await _create(ada, await _path(factory, ada), "Straße")


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name"])
async def test_pages_contain_every_project_once(factory: Factory, sort: str) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    names = ["delta", "Alpha", "charlie", "Bravo", "écho"]
    for name in names:
        await _create(ada, path, name)
    names_seen: list[str] = []
    cursor = None
    for _ in names:
        params = {"sort": sort, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await ada.request("GET", path, params=params)).json()
        names_seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        # A row inserted between two pages must not move another row to a second page.
        await _create(ada, path, f"zz {len(names_seen)}")
    expected = sorted(names, key=str.casefold) if "name" in sort else names
    names_seen = [name for name in names_seen if not name.startswith("zz")]
    assert names_seen == (expected[::-1] if sort.startswith("-") else expected)


async def test_cursor_is_valid_for_its_own_list_only(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    for name in "abc":
        await _create(ada, path, name)
    cursor = (await ada.request("GET", path, params={"limit": 1})).json()["next_cursor"]
    for params in (
        {"cursor": cursor + "x"},
        {"cursor": cursor[::-1]},
        {"cursor": cursor, "sort": "name"},
        {"cursor": cursor, "status": "active"},
        {"cursor": ""},
    ):
        response = await ada.request("GET", path, params=params)
        assert response.status_code == 422, params
    other = await _path(factory, ada)
    assert (await ada.request("GET", other, params={"cursor": cursor})).status_code == 422


async def test_search_and_status_filters(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    await _create(ada, path, "100% Wool")
    project = await _create(ada, path, "Wool")
    await ada.request("PATCH", f"{path}/{project['id']}", json={"status": "archived"})

    async def names(**params: str) -> list[str]:
        page = (await ada.request("GET", path, params=params)).json()
        return [item["name"] for item in page["items"]]

    assert await names(q="wOOl", sort="name") == ["100% Wool", "Wool"]
    assert await names(q="%") == ["100% Wool"]
    assert await names(status="archived") == ["Wool"]
    assert await names(q="none") == []


async def test_import_is_all_or_nothing(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    many = [{"name": f"Project {n}"} for n in range(1000)]
    created = await ada.request("POST", f"{path}/import", json={"items": many})
    assert (created.status_code, created.json()) == (201, {"created": 1000})
    again = await ada.request(
        "POST", f"{path}/import", json={"items": [{"name": "New"}, {"name": "project 7"}]}
    )
    assert again.status_code == 409
    assert "project 7" in again.json()["detail"]
    twice = await ada.request(
        "POST", f"{path}/import", json={"items": [{"name": "Same"}, {"name": "SAME"}]}
    )
    assert twice.json()["errors"][0]["pointer"] == "/items/1/name"
    assert (await ada.request("GET", path, params={"q": "New"})).json()["items"] == []
    for items in ([], [{"name": f"n{n}"} for n in range(1001)]):
        refused = await ada.request("POST", f"{path}/import", json={"items": items})
        assert refused.status_code == 422


@pytest.mark.committed
async def test_concurrent_creates_of_a_name_succeed_once(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    responses = await run_concurrently(
        partial(ada.request, "POST", path, json={"name": "Same"}) for _ in range(8)
    )
    assert sorted(response.status_code for response in responses) == [201] + [409] * 7


@pytest.mark.committed
async def test_idempotency_key_creates_one_project(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    key = {"Idempotency-Key": "k-1"}

    async def create(name: str = "Once") -> Any:
        return await ada.request("POST", path, json={"name": name}, headers=key)

    responses = await run_concurrently(create for _ in range(5))
    statuses = sorted(response.status_code for response in responses)
    assert statuses[0] == 201
    assert set(statuses) <= {201, 409}
    first = next(response for response in responses if response.status_code == 201)

    replayed = await create()
    assert replayed.status_code == 201
    assert replayed.content == first.content
    assert replayed.headers["idempotency-replayed"] == "true"
    assert replayed.headers["location"] == first.headers["location"]
    assert replayed.headers["etag"] == first.headers["etag"]
    assert (await create("Other")).status_code == 422
    page = (await ada.request("GET", path)).json()
    assert len(page["items"]) == 1

    # The same key of another caller is independent.
    eve = await factory.user()
    other = await _path(factory, eve)
    response = await eve.request("POST", other, json={"name": "Once"}, headers=key)
    assert "idempotency-replayed" not in response.headers
