"""The audit log: one event per change, in the transaction of the change."""

from typing import Any

from .factories import Organization, Team, unique
from .problems import assert_problem


def events(organization: Organization, query: str = "") -> list[dict[str, Any]]:
    """Return the newest 100 events."""
    response = organization.owner.api.get(f"{organization.path}/audit-events?limit=100{query}")
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def test_audit_event_has_actor_target_and_request(team: Team) -> None:
    request_id = f"audit-{unique('x')[2:]}"
    response = team.member.api.post(
        f"{team.organization.path}/projects",
        json={"name": unique()},
        headers={"X-Request-ID": request_id, "X-Forwarded-For": "198.51.100.7"},
    )
    project = response.json()
    (event,) = [item for item in events(team.organization) if item["request_id"] == request_id]
    assert set(event) == {
        "id",
        "action",
        "actor",
        "target",
        "changes",
        "ip",
        "request_id",
        "created_at",
    }
    assert event["action"] == "project.created"
    assert event["actor"]["type"] == "user"
    assert event["actor"]["id"] == team.member.id
    assert team.member.email in event["actor"].values()
    assert event["target"]["id"] == project["id"]
    assert event["changes"]
    assert event["ip"] in ("127.0.0.1", "::1")
    assert event["created_at"].endswith("Z")


def test_every_change_is_recorded(organization: Organization) -> None:
    api = organization.owner.api
    project = f"{organization.path}/projects/{organization.project()['id']}"
    api.patch(project, json={"name": unique()})
    api.delete(project)
    organization.import_projects([unique()])
    key = organization.key("projects:read")
    api.delete(f"{organization.path}/api-keys/{key['id']}")
    api.patch(organization.path, json={"name": unique()})
    path = f"{organization.path}/invitations"
    invitation = api.post(path, json={"email": "guest@example.com", "role": "viewer"}).json()
    api.delete(f"{path}/{invitation['id']}")
    recorded = {event["action"] for event in events(organization)}
    assert {
        "organization.created",
        "organization.updated",
        "project.created",
        "project.updated",
        "project.deleted",
        "invitation.created",
        "invitation.revoked",
        "api_key.created",
        "api_key.revoked",
    } <= recorded
    assert any("import" in action for action in recorded)
    assert key["key"] not in str(events(organization))


def test_events_are_sorted_and_filtered_by_action(organization: Organization) -> None:
    for _ in range(3):
        organization.project()
    times = [event["created_at"] for event in events(organization)]
    assert times == sorted(times, reverse=True)
    created = events(organization, "&action=project.created")
    assert len(created) == 3
    assert events(organization, "&action=nothing.happened") == []


def test_failed_change_is_not_recorded(organization: Organization) -> None:
    organization.project("Taken")
    before = events(organization)
    response = organization.owner.api.post(f"{organization.path}/projects", json={"name": "Taken"})
    assert_problem(response, 409)
    assert events(organization) == before


def test_audit_log_is_append_only(organization: Organization) -> None:
    event = events(organization)[0]
    path = f"{organization.path}/audit-events"
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        for address in (path, f"{path}/{event['id']}"):
            response = organization.owner.api.request(method, address, json={})
            assert_problem(response, (404, 405))
    assert events(organization)[-1] == event


def test_invalid_filters_are_rejected(organization: Organization) -> None:
    for query in ("action=%00", "limit=0", "cursor=x", "action=" + "x" * 3000):
        response = organization.owner.api.get(f"{organization.path}/audit-events?{query}")
        assert_problem(response, 422, "validation-error")
