from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.audit import service
from app.core import context
from app.core.db import tenancy
from app.core.security.roles import Role
from tests.database import open_unit_of_work
from tests.factories import Factory


def test_event_records_actor_target_changes_and_address(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    project = ada.request(
        "POST",
        f"/organizations/{organization}/projects",
        json={"name": "Apollo"},
        headers={"X-Request-ID": "audit-request-1"},
    )
    page = ada.request("GET", f"/organizations/{organization}/audit-events").json()
    event = page["items"][0]
    assert UUID(event.pop("id")).version == 7
    assert event.pop("created_at").endswith("Z")
    assert event == {
        "action": "project.created",
        "actor": {"type": "user", "id": str(ada.id), "label": ada.email},
        "target": {"type": "project", "id": project.json()["id"]},
        "changes": {"name": "Apollo"},
        "ip": "127.0.0.1",
        "request_id": "audit-request-1",
    }


def test_events_are_paged_newest_first_and_filtered_by_action(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    projects = f"/organizations/{organization}/projects"
    events = f"/organizations/{organization}/audit-events"
    for number in range(5):
        ada.request("POST", projects, json={"name": f"Project {number}"})

    names: list[str] = []
    params: dict[str, str | int] = {"limit": 2, "action": "project.created"}
    for _ in range(3):
        page = ada.request("GET", events, params=params).json()
        names += [item["changes"]["name"] for item in page["items"]]
        # An event between two pages must not move another event to a second page.
        ada.request("POST", projects, json={"name": f"Later {len(names)}"})
        params["cursor"] = page["next_cursor"]
    assert names == [f"Project {number}" for number in (4, 3, 2, 1, 0)]
    assert page["next_cursor"] is None

    everything = ada.request("GET", events, params={"limit": 100}).json()["items"]
    assert everything[-1]["action"] == "organization.created"
    none = ada.request("GET", events, params={"action": "nothing.happened"})
    assert none.json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("action", ["", "project", "%00", "x" * 101, "project.created' OR 1=1"])
def test_malformed_action_is_rejected(factory: Factory, action: str) -> None:
    ada = factory.user()
    path = f"/organizations/{factory.organization(ada)}/audit-events?action={action}"
    assert (ada.request("GET", path)).status_code == 422


def test_cursor_is_valid_for_its_own_filter_only(factory: Factory) -> None:
    ada = factory.user()
    path = f"/organizations/{factory.organization(ada)}"
    for name in "ab":
        ada.request("POST", f"{path}/projects", json={"name": name})
    page = ada.request("GET", f"{path}/audit-events", params={"limit": 1}).json()
    for params in (
        {"cursor": page["next_cursor"], "action": "project.created"},
        {"cursor": page["next_cursor"][:-1]},
        {"cursor": "é"},
    ):
        response = ada.request("GET", f"{path}/audit-events", params=params)
        assert response.status_code == 422, params


def test_audit_log_is_for_admins(factory: Factory) -> None:
    organization = factory.organization(factory.user())
    path = f"/organizations/{organization}/audit-events"
    for role, status in (("viewer", 403), ("member", 403), ("admin", 200)):
        user = factory.member(organization, role)
        assert (user.request("GET", path)).status_code == status


def test_event_outside_a_request_has_the_system_as_actor_and_json_changes(
    factory: Factory,
) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    context.bind(context.Context(request_id="-"))
    now = datetime(2026, 11, 22, tzinfo=UTC)
    with open_unit_of_work() as unit:
        unit.call(tenancy.enter_organization, organization)
        unit.call(
            service.record,
            organization_id=organization,
            action="test.happened",
            target_type="organization",
            target_id=None,
            changes={"role": [Role.VIEWER, None], "at": now, "id": organization},
        )
    page = ada.request("GET", f"/organizations/{organization}/audit-events?action=test.happened")
    (event,) = page.json()["items"]
    assert event["actor"] == {"type": "system", "id": None, "label": "system"}
    assert (event["target"]["id"], event["ip"]) == (None, None)
    assert event["changes"] == {
        "role": ["viewer", None],
        "at": "2026-11-22T00:00:00Z",
        "id": str(organization),
    }


def test_failed_request_leaves_no_event(factory: Factory) -> None:
    ada = factory.user()
    path = f"/organizations/{factory.organization(ada)}"
    for name, status in (("Taken", 201), ("taken", 409)):
        response = ada.request("POST", f"{path}/projects", json={"name": name})
        assert response.status_code == status
    page = ada.request("GET", f"{path}/audit-events?action=project.created")
    assert len(page.json()["items"]) == 1


def test_one_transaction_can_record_in_several_organizations(factory: Factory) -> None:
    ada = factory.user()
    organizations = [factory.organization(ada) for _ in range(2)]
    with open_unit_of_work() as unit:
        for organization in organizations:
            unit.call(tenancy.enter_organization, organization)
            unit.call(
                service.record,
                organization_id=organization,
                action="test.recorded",
                target_type="organization",
                target_id=organization,
            )
            unit.call(tenancy.leave_organization)
    for organization in organizations:
        page = ada.request("GET", f"/organizations/{organization}/audit-events")
        assert page.json()["items"][0]["target"]["id"] == str(organization)
