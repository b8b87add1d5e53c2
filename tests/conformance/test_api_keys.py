"""API keys: shown once, limited to one organization, revoked immediately."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from .drivers import bearer
from .factories import Organization, Team, unique
from .problems import assert_problem

READ, WRITE = "projects:read", "projects:write"


def test_api_key_is_shown_once(organization: Organization) -> None:
    created = organization.key(READ, WRITE)
    key = created["key"]
    assert key.startswith("sk_")
    assert len(key) >= 40
    (listed,) = organization.owner.api.get(f"{organization.path}/api-keys").json()["items"]
    assert "key" not in listed
    assert key not in str(listed)
    assert listed["id"] == created["id"]
    assert sorted(listed["scopes"]) == [READ, WRITE]
    shown = listed["prefix"].removeprefix("sk_")
    assert len(shown) == 8
    assert key.removeprefix("sk_").startswith(shown)
    events = organization.owner.api.get(f"{organization.path}/audit-events?limit=100")
    assert key not in events.text


def test_read_scope_allows_only_reads(http: httpx2.Client, organization: Organization) -> None:
    project = organization.project()
    headers = bearer(organization.key(READ)["key"])
    listed = http.get(f"{organization.path}/projects", headers=headers)
    assert [item["id"] for item in listed.json()["items"]] == [project["id"]]
    response = http.post(f"{organization.path}/projects", json={"name": unique()}, headers=headers)
    assert_problem(response, 403, "forbidden")


def test_write_scope_records_the_key_as_actor(
    http: httpx2.Client, organization: Organization
) -> None:
    created = organization.key(WRITE)
    response = http.post(
        f"{organization.path}/projects",
        json={"name": unique()},
        headers=bearer(created["key"]),
    )
    assert response.status_code == 201, response.text
    events = organization.owner.api.get(f"{organization.path}/audit-events").json()["items"]
    (event,) = [item for item in events if response.json()["id"] in str(item["target"])]
    assert event["actor"]["type"] == "api_key"
    assert event["actor"]["id"] == created["id"]


def test_user_routes_reject_api_keys(http: httpx2.Client, organization: Organization) -> None:
    headers = bearer(organization.key(READ, WRITE)["key"])
    for method, path, body in (
        ("GET", "/api/v1/me", None),
        ("PATCH", "/api/v1/me", {"name": "x"}),
        ("DELETE", "/api/v1/me", {"password": "x"}),
        ("GET", "/api/v1/organizations", None),
        ("POST", "/api/v1/organizations", {"name": "x"}),
        ("POST", "/api/v1/invitations/accept", {"token": "x"}),
    ):
        response = http.request(method, path, json=body, headers=headers)
        assert_problem(response, 403, "forbidden")


def test_revoked_key_is_rejected_immediately(
    http: httpx2.Client, organization: Organization
) -> None:
    created = organization.key(READ)
    headers = bearer(created["key"])
    projects = f"{organization.path}/projects"
    assert http.get(projects, headers=headers).status_code == 200
    path = f"{organization.path}/api-keys/{created['id']}"
    assert organization.owner.api.delete(path).status_code == 204
    assert_problem(http.get(projects, headers=headers), 401, "unauthenticated")
    assert_problem(organization.owner.api.delete(path), 404, "not-found")


def test_expired_key_is_rejected(http: httpx2.Client, organization: Organization) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
    created = organization.key(READ, expires_at=soon)
    assert created["expires_at"].endswith("Z")
    projects, headers = f"{organization.path}/projects", bearer(created["key"])
    assert http.get(projects, headers=headers).status_code == 200
    time.sleep(2.5)
    assert_problem(http.get(projects, headers=headers), 401, "unauthenticated")


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ["projects:delete"]},
        {"scopes": ["*"]},
        {"scopes": []},
        {"scopes": None},
        {"scopes": READ},
        {"name": ""},
        {"name": "nul \x00"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "tomorrow"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": 1900000000},
        {"expires_at": "1900000000"},
        {"expires_at": "99999-01-01T00:00:00Z"},
        {"key": "sk_chosen"},
    ],
    ids=str,
)
def test_invalid_key_requests_are_rejected(
    organization: Organization, changes: dict[str, Any]
) -> None:
    body = {"name": "x", "scopes": [READ], **changes}
    response = organization.owner.api.post(f"{organization.path}/api-keys", json=body)
    assert_problem(response, 422, "validation-error")


def test_altered_keys_are_rejected(http: httpx2.Client, team: Team) -> None:
    key = team.organization.key(READ)["key"]
    other = team.organization.key(READ)["key"]
    for wrong in (
        key[:-1],
        key + "A",
        key[:-1] + ("A" if key[-1] != "A" else "B"),
        key.swapcase(),
        key.removeprefix("sk_"),
        "sk_" + key,
        key[:40] + other[40:],
        f"{key}.{other}",
    ):
        response = http.get(f"{team.organization.path}/projects", headers=bearer(wrong))
        assert_problem(response, 401, "unauthenticated")
