"""The dashboard: the data of a first screen in one request."""

from typing import Any

import pytest

from .factories import Account, Organization, Team
from .problems import assert_problem

pytestmark = pytest.mark.feature("dashboard")


def read(account: Account, organization: Organization, surface: str) -> dict[str, Any]:
    response = account.api.get(f"{organization.path}/dashboard?surface={surface}")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def test_dashboard_contains_the_first_screen(team: Team, organization: Organization) -> None:
    for number in range(7):
        organization.project(f"Project {number}")
    archived = organization.owner.api.get(f"{organization.path}/projects?limit=1").json()["items"]
    organization.owner.api.patch(
        f"{organization.path}/projects/{archived[0]['id']}", json={"status": "archived"}
    )
    web = read(organization.owner, organization, "web")
    assert web["organization"]["id"] == organization.id
    assert web["role"] == "owner"
    assert web["member_count"] == 1
    assert web["project_counts"] == {"active": 6, "archived": 1}
    assert [project["name"] for project in web["newest_projects"]] == [
        f"Project {number}" for number in (6, 5, 4, 3, 2)
    ]
    assert len(web["newest_audit_events"]) == 5

    mobile = read(organization.owner, organization, "mobile")
    assert len(str(mobile)) < len(str(web))
    assert mobile["role"] == "owner"
    # Every organization gets the same fields.
    assert read(team.owner, team.organization, "web").keys() == web.keys()


def test_dashboard_shows_audit_events_to_admins_only(team: Team) -> None:
    team.organization.project()
    for role in ("owner", "admin"):
        assert read(team.of(role), team.organization, "web")["newest_audit_events"]
    for role in ("member", "viewer"):
        body = read(team.of(role), team.organization, "web")
        assert not body["newest_audit_events"]
        assert body["role"] == role


@pytest.mark.parametrize("surface", ["web", "mobile"])
def test_dashboard_supports_conditional_requests(organization: Organization, surface: str) -> None:
    api = organization.owner.api
    path = f"{organization.path}/dashboard?surface={surface}"
    first = api.get(path)
    directives = first.headers["cache-control"].replace(" ", "").split(",")
    assert "private" in directives
    assert any(directive.startswith("max-age=") for directive in directives)
    assert first.headers["etag"].startswith('"')
    same = api.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304
    assert same.content == b""
    organization.project()
    changed = api.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


def test_invalid_surfaces_are_rejected(organization: Organization) -> None:
    for surface in ("watch", "", "%00"):
        response = organization.owner.api.get(f"{organization.path}/dashboard?surface={surface}")
        assert_problem(response, 422, "validation-error")
