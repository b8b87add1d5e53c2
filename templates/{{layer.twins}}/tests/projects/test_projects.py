from functools import partial
from typing import Any
from uuid import UUID

import pytest

from tests.concurrency import run_concurrently
from tests.factories import Factory, SignedInUser


def _path(factory: Factory, owner: SignedInUser) -> str:
    return f"/organizations/{factory.organization(owner)}/projects"


def _create(user: SignedInUser, path: str, name: str, **more: Any) -> dict[str, Any]:
    response = user.request("POST", path, json={"name": name, **more})
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def test_create_read_update_delete(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    created = ada.request("POST", path, json={"name": " Apollo ", "description": "a\nb"})
    assert created.status_code == 201
    body = created.json()
    assert (body["name"], body["description"]) == ("Apollo", "a\nb")
    assert (body["status"], body["version"], body["created_by"]) == ("active", 1, str(ada.id))
    assert UUID(body["id"]).version == 7
    assert body["created_at"].endswith("Z")
    one = f"{path}/{body['id']}"
    assert created.headers["location"] == f"/api/v1{one}"

    changed = ada.request("PATCH", one, json={"status": "archived"})
    assert (changed.json()["status"], changed.json()["version"]) == ("archived", 2)
    assert changed.json()["description"] == "a\nb"
    stale = ada.request(
        "PATCH", one, json={"name": "X"}, headers={"If-Match": created.headers["etag"]}
    )
    assert stale.status_code == 412
    gone = ada.request("DELETE", one, headers={"If-Match": changed.headers["etag"]})
    assert gone.status_code == 204
    assert (ada.request("GET", one)).status_code == 404


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
def test_invalid_body_is_rejected(factory: Factory, body: Any) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    response = ada.request("POST", path, json=body)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"]


def test_lone_surrogate_is_rejected(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    lone_surrogate = b'{"name": "\\ud800"}'
    headers = {"Content-Type": "application/json"}
    response = ada.request("POST", path, content=lone_surrogate, headers=headers)
    assert response.status_code == 422


@pytest.mark.parametrize("body", [{}, {"name": None}, {"status": "deleted"}, {"version": 3}])
def test_invalid_update_is_rejected(factory: Factory, body: dict[str, Any]) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    project = _create(ada, path, "Apollo")
    response = ada.request("PATCH", f"{path}/{project['id']}", json=body)
    assert response.status_code == 422


def test_name_is_unique_ignoring_case(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    _create(ada, path, "Straße")
    taken = ada.request("POST", path, json={"name": "STRASSE"})
    assert taken.status_code == 409
    other = _create(ada, path, "Other")
    renamed = ada.request("PATCH", f"{path}/{other['id']}", json={"name": "strasse"})
    assert renamed.status_code == 409
    _create(ada, _path(factory, ada), "Straße")


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name"])
def test_pages_contain_every_project_once(factory: Factory, sort: str) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    names = ["delta", "Alpha", "charlie", "Bravo", "écho"]
    for name in names:
        _create(ada, path, name)
    names_seen: list[str] = []
    cursor = None
    for _ in names:
        params = {"sort": sort, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = ada.request("GET", path, params=params).json()
        names_seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        # A row inserted between two pages must not move another row to a second page.
        _create(ada, path, f"zz {len(names_seen)}")
    expected = sorted(names, key=str.casefold) if "name" in sort else names
    names_seen = [name for name in names_seen if not name.startswith("zz")]
    assert names_seen == (expected[::-1] if sort.startswith("-") else expected)


def test_cursor_is_valid_for_its_own_list_only(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    for name in "abc":
        _create(ada, path, name)
    cursor = ada.request("GET", path, params={"limit": 1}).json()["next_cursor"]
    for params in (
        {"cursor": cursor + "x"},
        {"cursor": cursor[::-1]},
        {"cursor": cursor, "sort": "name"},
        {"cursor": cursor, "status": "active"},
        {"cursor": ""},
    ):
        response = ada.request("GET", path, params=params)
        assert response.status_code == 422, params
    other = _path(factory, ada)
    assert (ada.request("GET", other, params={"cursor": cursor})).status_code == 422


def test_search_and_status_filters(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    _create(ada, path, "100% Wool")
    project = _create(ada, path, "Wool")
    ada.request("PATCH", f"{path}/{project['id']}", json={"status": "archived"})

    def names(**params: str) -> list[str]:
        page = ada.request("GET", path, params=params).json()
        return [item["name"] for item in page["items"]]

    assert names(q="wOOl", sort="name") == ["100% Wool", "Wool"]
    assert names(q="%") == ["100% Wool"]
    assert names(status="archived") == ["Wool"]
    assert names(q="none") == []


def test_import_is_all_or_nothing(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    many = [{"name": f"Project {n}"} for n in range(1000)]
    created = ada.request("POST", f"{path}/import", json={"items": many})
    assert (created.status_code, created.json()) == (201, {"created": 1000})
    again = ada.request(
        "POST", f"{path}/import", json={"items": [{"name": "New"}, {"name": "project 7"}]}
    )
    assert again.status_code == 409
    assert "project 7" in again.json()["detail"]
    twice = ada.request(
        "POST", f"{path}/import", json={"items": [{"name": "Same"}, {"name": "SAME"}]}
    )
    assert twice.json()["errors"][0]["pointer"] == "/items/1/name"
    assert (ada.request("GET", path, params={"q": "New"})).json()["items"] == []
    for items in ([], [{"name": f"n{n}"} for n in range(1001)]):
        refused = ada.request("POST", f"{path}/import", json={"items": items})
        assert refused.status_code == 422


@pytest.mark.committed
def test_concurrent_creates_of_a_name_succeed_once(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    responses = run_concurrently(
        partial(ada.request, "POST", path, json={"name": "Same"}) for _ in range(8)
    )
    assert sorted(response.status_code for response in responses) == [201] + [409] * 7


@pytest.mark.committed
def test_idempotency_key_creates_one_project(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    key = {"Idempotency-Key": "k-1"}

    def create(name: str = "Once") -> Any:
        return ada.request("POST", path, json={"name": name}, headers=key)

    responses = run_concurrently(create for _ in range(5))
    statuses = sorted(response.status_code for response in responses)
    assert statuses[0] == 201
    assert set(statuses) <= {201, 409}
    first = next(response for response in responses if response.status_code == 201)

    replayed = create()
    assert replayed.status_code == 201
    assert replayed.content == first.content
    assert replayed.headers["idempotency-replayed"] == "true"
    assert replayed.headers["location"] == first.headers["location"]
    assert replayed.headers["etag"] == first.headers["etag"]
    assert (create("Other")).status_code == 422
    page = ada.request("GET", path).json()
    assert len(page["items"]) == 1

    # The same key of another caller is independent.
    eve = factory.user()
    other = _path(factory, eve)
    response = eve.request("POST", other, json={"name": "Once"}, headers=key)
    assert "idempotency-replayed" not in response.headers
