from typing import Any
from uuid import UUID

import pytest
from httpx2 import Client

from tests.database import capture_statements
from tests.factories import Factory, SignedInUser


def _read(user: SignedInUser, organization: UUID, surface: str = "web") -> dict[str, Any]:
    path = f"/organizations/{organization}/dashboard"
    response = user.request("GET", path, params={"surface": surface})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def _create_projects(user: SignedInUser, organization: UUID, names: list[str]) -> None:
    for name in names:
        response = user.request(
            "POST", f"/organizations/{organization}/projects", json={"name": name}
        )
        assert response.status_code == 201


def test_web_dashboard(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    factory.member(organization, "viewer")
    _create_projects(ada, organization, [f"Project {n}" for n in range(7)])
    newest = ada.request("GET", f"/organizations/{organization}/projects").json()["items"]
    ada.request(
        "PATCH",
        f"/organizations/{organization}/projects/{newest[0]['id']}",
        json={"status": "archived"},
    )
    body = _read(ada, organization)
    assert body["surface"] == "web"
    assert body["organization"] == {"id": str(organization), "name": "Acme"}
    assert (body["role"], body["member_count"]) == ("owner", 2)
    assert body["project_counts"] == {"active": 6, "archived": 1}
    assert [item["name"] for item in body["newest_projects"]] == [
        f"Project {n}" for n in (6, 5, 4, 3, 2)
    ]
    events = body["newest_audit_events"]
    assert len(events) == 5
    assert (events[0]["action"], events[0]["actor"]) == ("project.updated", ada.email)


def test_mobile_dashboard_has_fewer_fields(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    _create_projects(ada, organization, ["Apollo"])
    body = _read(ada, organization, "mobile")
    (project,) = body.pop("newest_projects")
    assert set(project) == {"id", "name"}
    assert body == {
        "surface": "mobile",
        "organization": {"id": str(organization), "name": "Acme"},
        "role": "owner",
        "project_counts": {"active": 1, "archived": 0},
    }


def test_audit_events_are_for_admins(factory: Factory) -> None:
    organization = factory.organization(factory.user())
    for role, sees in (("viewer", False), ("member", False), ("admin", True)):
        body = _read(factory.member(organization, role), organization)
        assert body["role"] == role
        assert (body["newest_audit_events"] is not None) is sees


@pytest.mark.parametrize("surface", ["web", "mobile"])
def test_number_of_queries_is_constant(factory: Factory, surface: str) -> None:
    ada = factory.user()
    organization = factory.organization(ada)

    def count() -> int:
        with capture_statements() as executed:
            _read(ada, organization, surface)
        return len([statement for statement in executed if "FROM" in statement])

    _create_projects(ada, organization, ["First"])
    few = count()
    _create_projects(ada, organization, [f"Project {n}" for n in range(30)])
    for role in ("viewer", "member", "admin") * 3:
        factory.member(organization, role)
    assert count() == few
    assert 0 < few <= 8


@pytest.mark.parametrize("surface", ["web", "mobile"])
def test_dashboard_can_be_cached(factory: Factory, surface: str) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    path = f"/organizations/{organization}/dashboard?surface={surface}"
    first = ada.request("GET", path)
    assert first.headers["cache-control"] == "private, max-age=30"
    assert first.headers["vary"] == "Authorization, Cookie"
    known = {"If-None-Match": first.headers["etag"]}
    same = ada.request("GET", path, headers=known)
    assert (same.status_code, same.content) == (304, b"")
    for name in ("etag", "cache-control", "vary"):
        assert same.headers[name] == first.headers[name]
    _create_projects(ada, organization, ["Apollo"])
    changed = ada.request("GET", path, headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("surface", ["watch", "", "WEB", "%00"])
def test_unknown_surface_is_rejected(factory: Factory, surface: str) -> None:
    ada = factory.user()
    path = f"/organizations/{factory.organization(ada)}/dashboard?surface={surface}"
    assert (ada.request("GET", path)).status_code == 422


def test_both_surfaces_are_in_the_openapi_document(client: Client) -> None:
    document = client.get("/openapi.json").json()
    path = document["paths"]["/api/v1/organizations/{organization_id}/dashboard"]
    response = path["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert response == {"$ref": "#/components/schemas/Dashboard"}
    assert document["components"]["schemas"]["Dashboard"]["discriminator"]["mapping"] == {
        "web": "#/components/schemas/WebDashboard",
        "mobile": "#/components/schemas/MobileDashboard",
    }
