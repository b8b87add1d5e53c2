from typing import Any
from uuid import UUID

import pytest
from httpx2 import Response

from tests.factories import Factory, SignedInUser
from tests.tenant_rows import new_body


def _path(factory: Factory, owner: SignedInUser) -> str:
    return f"/organizations/{factory.organization(owner)}/widgets"


def _create(user: SignedInUser, path: str, name: str) -> Response:
    _, _, organization, rows = path.split("/")
    body = new_body(user, UUID(organization), rows) | {"name": name}
    response = user.request("POST", path, json=body)
    assert response.status_code == 201, response.text
    return response


def _id(user: SignedInUser, path: str) -> str:
    id_: str = _create(user, path, "First").json()["id"]
    return id_


def test_create_read_update_delete(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    created = _create(ada, path, " First ")
    body = created.json()
    assert (body["name"], body["version"]) == ("First", 1)
    one = f"{path}/{body['id']}"
    assert created.headers["location"] == f"/api/v1{one}"
    assert (ada.request("GET", one)).json() == body

    changed = ada.request("PATCH", one, json={"name": "Second"})
    assert (changed.json()["name"], changed.json()["version"]) == ("Second", 2)
    old, new = ({"If-Match": response.headers["etag"]} for response in (created, changed))
    assert (ada.request("DELETE", one, headers=old)).status_code == 412
    assert (ada.request("DELETE", one, headers=new)).status_code == 204
    assert (ada.request("GET", one)).status_code == 404


def test_every_change_is_recorded(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    one = f"{path}/{_id(ada, path)}"
    ada.request("PATCH", one, json={"name": "Second"})
    ada.request("DELETE", one)
    events = ada.request("GET", f"{path.rpartition('/')[0]}/audit-events")
    actions = [item["action"] for item in events.json()["items"]]
    assert actions[:3] == ["widget.deleted", "widget.updated", "widget.created"]


def test_pages_contain_every_row_once(factory: Factory) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    for number in range(5):
        _create(ada, path, f"{number}")
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = ada.request("GET", path, params=params).json()
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert names == ["0", "1", "2", "3", "4"]


def test_rows_of_another_organization_are_not_found(factory: Factory) -> None:
    ada, eve = factory.user(), factory.user()
    id_ = _id(ada, _path(factory, ada))
    other = _path(factory, eve)
    for method, body in (("GET", None), ("PATCH", {"name": "Mine"}), ("DELETE", None)):
        response = eve.request(method, f"{other}/{id_}", json=body)
        assert response.status_code == 404
    assert (eve.request("GET", other)).json()["items"] == []


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": None}, {"name": "a", "id": "x"}])
def test_invalid_body_is_rejected(factory: Factory, body: dict[str, Any]) -> None:
    ada = factory.user()
    path = _path(factory, ada)
    one = f"{path}/{_id(ada, path)}"
    for method, url in (("POST", path), ("PATCH", one)):
        assert (ada.request(method, url, json=body)).status_code == 422
