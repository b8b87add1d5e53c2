from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from httpx2 import Client, Response

from app.api_keys.service import authenticate
from app.core import crypto
from app.core.db import tenancy
from app.core.errors import Unauthenticated
from app.core.ids import uuid7
from tests.concurrency import run_concurrently
from tests.database import execute, open_unit_of_work
from tests.factories import Factory, SignedInUser


def _create(user: SignedInUser, organization: UUID, *scopes: str, **more: Any) -> dict[str, Any]:
    body = {"name": "CI", "scopes": list(scopes) or ["projects:read"], **more}
    response = user.request("POST", f"/organizations/{organization}/api-keys", json=body)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def _use(client: Client, key: str, path: str, **body: Any) -> Response:
    headers = {"Authorization": f"Bearer {key}"}
    if body:
        return client.post(f"/api/v1{path}", json=body, headers=headers)
    return client.get(f"/api/v1{path}", headers=headers)


def _stored(organization: UUID, key_id: str) -> dict[str, Any]:
    (row,) = execute("SELECT * FROM api_keys WHERE id = %(id)s", organization, id=UUID(key_id))
    return row


def test_key_is_returned_once_and_stored_hashed(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    created = _create(ada, organization, "projects:write", "projects:read")
    key = created.pop("key")
    assert key.startswith(created["prefix"])
    assert len(created["prefix"]) == 11
    assert created["scopes"] == ["projects:read", "projects:write"]
    assert (created["created_by"], created["last_used_at"]) == (str(ada.id), None)

    page = ada.request("GET", f"/organizations/{organization}/api-keys")
    assert page.json() == {"items": [created], "next_cursor": None}
    events = ada.request("GET", f"/organizations/{organization}/audit-events")
    assert events.json()["items"][0]["action"] == "api_key.created"
    stored = _stored(organization, created["id"])
    assert stored["key_hash"] == crypto.hash_secret(key)
    for text_ in (page.text, events.text, repr(stored)):
        assert key not in text_


def test_key_is_limited_to_its_scopes(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    projects = f"/organizations/{organization}/projects"
    reader = (_create(ada, organization, "projects:read"))["key"]
    writer = (_create(ada, organization, "projects:write"))["key"]

    assert (_use(ada.client, reader, projects)).status_code == 200
    assert (_use(ada.client, reader, projects, name="x")).status_code == 403
    assert (_use(ada.client, writer, projects)).status_code == 403
    made = _use(ada.client, writer, projects, name="x")
    assert (made.status_code, made.json()["created_by"]) == (201, None)
    events = ada.request("GET", f"/organizations/{organization}/audit-events")
    assert events.json()["items"][0]["actor"]["type"] == "api_key"
    assert events.json()["items"][0]["actor"]["label"] == "CI"


def test_key_is_valid_in_its_own_organization_only(factory: Factory) -> None:
    ada = factory.user()
    mine, other = factory.organization(ada), factory.organization(ada)
    key = (_create(ada, mine))["key"]
    for organization in (other, uuid7()):
        response = _use(ada.client, key, f"/organizations/{organization}/projects")
        assert response.status_code == 404
    for path in ("", f"/{mine}", f"/{mine}/api-keys", f"/{mine}/members", f"/{mine}/audit-events"):
        assert (_use(ada.client, key, f"/organizations{path}")).status_code == 403
    # The key contains its organization id: replacing that id invalidates the key.
    raw = crypto.from_base64url(key.removeprefix("sk_"))
    forged = "sk_" + crypto.to_base64url(raw[:-16] + other.bytes)
    response = _use(ada.client, forged, f"/organizations/{other}/projects")
    assert response.status_code == 401


def test_revoked_key_is_rejected_immediately(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    keys = f"/organizations/{organization}/api-keys"
    created = _create(ada, organization)
    projects = f"/organizations/{organization}/projects"
    assert (_use(ada.client, created["key"], projects)).status_code == 200
    assert (ada.request("DELETE", f"{keys}/{created['id']}")).status_code == 204
    refused = _use(ada.client, created["key"], projects)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert (ada.request("DELETE", f"{keys}/{created['id']}")).status_code == 404
    assert (ada.request("GET", keys)).json()["items"] == []


def test_key_of_another_organization_cannot_be_revoked(factory: Factory) -> None:
    ada, eve = factory.user(), factory.user()
    mine, hers = factory.organization(ada), factory.organization(eve)
    created = _create(ada, mine)
    response = eve.request("DELETE", f"/organizations/{hers}/api-keys/{created['id']}")
    assert response.status_code == 404
    projects = f"/organizations/{mine}/projects"
    assert (_use(ada.client, created["key"], projects)).status_code == 200


def test_expired_key_is_rejected(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    created = _create(ada, organization, expires_at=tomorrow)
    assert created["expires_at"].endswith("Z")
    projects = f"/organizations/{organization}/projects"
    assert (_use(ada.client, created["key"], projects)).status_code == 200
    execute("UPDATE api_keys SET expires_at = clock_timestamp()", organization)
    assert (_use(ada.client, created["key"], projects)).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"name": " "},
        {"name": "a\x00b"},
        {"scopes": []},
        {"scopes": ["projects:read", "projects:read"]},
        {"scopes": ["projects:delete"]},
        {"scopes": "projects:read"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2999-01-01T00:00:00"},
        {"expires_at": "tomorrow"},
        {"expires_at": 32503680000},
        {"expires_at": "32503680000"},
        {"expires_at": "9999-12-31T23:59:59-23:59"},
        {"expires_at": "0001-01-01T00:00:00+23:59"},
        {"expires_at": "99999-01-01T00:00:00Z"},
        {"prefix": "sk_mine"},
    ],
    ids=str,
)
def test_invalid_body_is_rejected(factory: Factory, change: dict[str, Any]) -> None:
    ada = factory.user()
    path = f"/organizations/{factory.organization(ada)}/api-keys"
    body = {"name": "CI", "scopes": ["projects:read"], **change}
    response = ada.request("POST", path, json=body)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["pointer"].startswith(f"/{next(iter(change))}")


@pytest.mark.parametrize(
    "key", ["sk_", "sk_x", "sk_\x7f", "sk_" + "A" * 64, "sk_" + "A" * 5000, "sk_é", "SK_x", "sk_="]
)
def test_malformed_key_is_rejected(factory: Factory, key: str) -> None:
    organization = factory.organization(factory.user())
    headers = {b"Authorization": f"Bearer {key}".encode()}
    response = factory.client.get(f"/api/v1/organizations/{organization}/projects", headers=headers)
    assert response.status_code == 401


def test_last_used_at_is_updated_once_a_minute(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    created = _create(ada, organization)
    projects = f"/organizations/{organization}/projects"

    def used_at() -> Any:
        _use(ada.client, created["key"], projects)
        return (_stored(organization, created["id"]))["last_used_at"]

    first = used_at()
    assert first is not None
    assert used_at() == first
    execute("UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds'", organization)
    later = used_at()
    assert later is not None
    assert later >= first


def test_pages_contain_every_key_once(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    made = [(_create(ada, organization))["id"] for _ in range(3)]
    path = f"/organizations/{organization}/api-keys"
    first = ada.request("GET", path, params={"limit": 2}).json()
    rest = ada.request("GET", path, params={"cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == made
    assert rest["next_cursor"] is None


def test_authenticate_binds_the_transaction_to_one_organization(factory: Factory) -> None:
    ada = factory.user()
    mine, other = factory.organization(ada), factory.organization(ada)
    key = (_create(ada, mine))["key"]
    with open_unit_of_work() as unit:
        principal = unit.call(authenticate, key)
        assert principal.organization_id == mine
        with pytest.raises(RuntimeError):
            unit.call(tenancy.enter_organization, other)
    with pytest.raises(Unauthenticated), open_unit_of_work() as unit:
        unit.call(authenticate, key + "A")


@pytest.mark.committed
def test_idempotent_request_returns_the_same_key(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    path = f"/organizations/{organization}/api-keys"
    request = {
        "json": {"name": "CI", "scopes": ["projects:read"]},
        "headers": {"Idempotency-Key": "once"},
    }
    first = ada.request("POST", path, **request)
    again = ada.request("POST", path, **request)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    (kept,) = execute("SELECT answer FROM idempotency_keys")
    assert first.json()["key"].encode() not in kept["answer"]


@pytest.mark.committed
def test_concurrent_revocations_succeed_once(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    created = _create(ada, organization)
    path = f"/organizations/{organization}/api-keys/{created['id']}"
    responses = run_concurrently(partial(ada.request, "DELETE", path) for _ in range(5))
    assert sorted(response.status_code for response in responses) == [204] + [404] * 4
    events = ada.request(
        "GET", f"/organizations/{organization}/audit-events?action=api_key.revoked"
    )
    assert len(events.json()["items"]) == 1


@pytest.mark.committed
def test_requests_with_one_key_do_not_block_each_other(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    key = (_create(ada, organization))["key"]
    with open_unit_of_work() as unit:
        # A slow request has updated last_used_at, and holds a lock on the row of the key.
        unit.call(authenticate, key)
        # A request that waited for the lock would end with 503, by the lock time-out.
        responses = run_concurrently(
            partial(_use, ada.client, key, f"/organizations/{organization}/projects") for _ in "abc"
        )
    assert [response.status_code for response in responses] == [200] * 3
