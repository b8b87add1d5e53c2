from typing import Any
from uuid import UUID

import pytest
from httpx2 import Response

from tests.factories import Factory, SignedInUser
from tests.tenant_rows import new_body


async def _path(factory: Factory, owner: SignedInUser) -> str:
    return f"/organizations/{await factory.organization(owner)}/widgets"


async def _create(user: SignedInUser, path: str, name: str) -> Response:
    _, _, organization, rows = path.split("/")
    body = await new_body(user, UUID(organization), rows) | {"name": name}
    response = await user.request("POST", path, json=body)
    assert response.status_code == 201, response.text
    return response


async def _id(user: SignedInUser, path: str) -> str:
    id_: str = (await _create(user, path, "First")).json()["id"]
    return id_


async def test_create_read_update_delete(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    created = await _create(ada, path, " First ")
    body = created.json()
    assert (body["name"], body["version"]) == ("First", 1)
    one = f"{path}/{body['id']}"
    assert created.headers["location"] == f"/api/v1{one}"
    assert (await ada.request("GET", one)).json() == body

    changed = await ada.request("PATCH", one, json={"name": "Second"})
    assert (changed.json()["name"], changed.json()["version"]) == ("Second", 2)
    old, new = ({"If-Match": response.headers["etag"]} for response in (created, changed))
    assert (await ada.request("DELETE", one, headers=old)).status_code == 412
    assert (await ada.request("DELETE", one, headers=new)).status_code == 204
    assert (await ada.request("GET", one)).status_code == 404


async def test_every_change_is_recorded(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    one = f"{path}/{await _id(ada, path)}"
    await ada.request("PATCH", one, json={"name": "Second"})
    await ada.request("DELETE", one)
    events = await ada.request("GET", f"{path.rpartition('/')[0]}/audit-events")
    actions = [item["action"] for item in events.json()["items"]]
    assert actions[:3] == ["widget.deleted", "widget.updated", "widget.created"]


async def test_pages_contain_every_row_once(factory: Factory) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    for number in range(5):
        await _create(ada, path, f"{number}")
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await ada.request("GET", path, params=params)).json()
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert names == ["0", "1", "2", "3", "4"]


async def test_rows_of_another_organization_are_not_found(factory: Factory) -> None:
    ada, eve = await factory.user(), await factory.user()
    id_ = await _id(ada, await _path(factory, ada))
    other = await _path(factory, eve)
    for method, body in (("GET", None), ("PATCH", {"name": "Mine"}), ("DELETE", None)):
        response = await eve.request(method, f"{other}/{id_}", json=body)
        assert response.status_code == 404
    assert (await eve.request("GET", other)).json()["items"] == []


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": None}, {"name": "a", "id": "x"}])
async def test_invalid_body_is_rejected(factory: Factory, body: dict[str, Any]) -> None:
    ada = await factory.user()
    path = await _path(factory, ada)
    one = f"{path}/{await _id(ada, path)}"
    for method, url in (("POST", path), ("PATCH", one)):
        assert (await ada.request(method, url, json=body)).status_code == 422
