"""The audit log: written with what it records, read by admins."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.audit import service
from app.core import context
from app.core.db import tenancy
from app.core.security.roles import Role
from tests.database import open_unit_of_work
from tests.factories import Factory


async def test_event_tells_who_what_and_whence(factory: Factory) -> None:
    ada = await factory.user()
    organization = await factory.organization(ada)
    project = await ada.request(
        "POST",
        f"/organizations/{organization}/projects",
        json={"name": "Apollo"},
        headers={"X-Request-ID": "audit-request-1"},
    )
    page = (await ada.request("GET", f"/organizations/{organization}/audit-events")).json()
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


async def test_newest_first_page_by_page_and_by_action(factory: Factory) -> None:
    ada = await factory.user()
    organization = await factory.organization(ada)
    projects = f"/organizations/{organization}/projects"
    events = f"/organizations/{organization}/audit-events"
    for number in range(5):
        await ada.request("POST", projects, json={"name": f"Project {number}"})

    seen: list[str] = []
    params: dict[str, str | int] = {"limit": 2, "action": "project.created"}
    for _ in range(3):
        page = (await ada.request("GET", events, params=params)).json()
        seen += [item["changes"]["name"] for item in page["items"]]
        # What happens meanwhile must not push an event to a second page.
        await ada.request("POST", projects, json={"name": f"Meanwhile {len(seen)}"})
        params["cursor"] = page["next_cursor"]
    assert seen == [f"Project {number}" for number in (4, 3, 2, 1, 0)]
    assert page["next_cursor"] is None

    everything = (await ada.request("GET", events, params={"limit": 100})).json()["items"]
    assert everything[-1]["action"] == "organization.created"
    none = await ada.request("GET", events, params={"action": "nothing.happened"})
    assert none.json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("action", ["", "project", "%00", "x" * 101, "project.created' OR 1=1"])
async def test_action_is_well_formed(factory: Factory, action: str) -> None:
    ada = await factory.user()
    path = f"/organizations/{await factory.organization(ada)}/audit-events?action={action}"
    assert (await ada.request("GET", path)).status_code == 422


async def test_cursor_belongs_to_one_filter(factory: Factory) -> None:
    ada = await factory.user()
    path = f"/organizations/{await factory.organization(ada)}"
    for name in "ab":
        await ada.request("POST", f"{path}/projects", json={"name": name})
    page = (await ada.request("GET", f"{path}/audit-events", params={"limit": 1})).json()
    for params in (
        {"cursor": page["next_cursor"], "action": "project.created"},
        {"cursor": page["next_cursor"][:-1]},
        {"cursor": "é"},
    ):
        response = await ada.request("GET", f"{path}/audit-events", params=params)
        assert response.status_code == 422, params


async def test_members_may_not_read_it(factory: Factory) -> None:
    organization = await factory.organization(await factory.user())
    path = f"/organizations/{organization}/audit-events"
    for role, status in (("viewer", 403), ("member", 403), ("admin", 200)):
        user = await factory.member(organization, role)
        assert (await user.request("GET", path)).status_code == status


async def test_no_request_means_the_system_and_changes_become_json(factory: Factory) -> None:
    ada = await factory.user()
    organization = await factory.organization(ada)
    context.bind(context.Context(request_id="-"))
    now = datetime(2026, 11, 22, tzinfo=UTC)
    async with open_unit_of_work() as unit:
        await unit.call(tenancy.enter_organization, organization)
        await unit.call(
            service.record,
            organization_id=organization,
            action="test.happened",
            target_type="organization",
            target_id=None,
            changes={"role": [Role.VIEWER, None], "at": now, "id": organization},
        )
    page = await ada.request(
        "GET", f"/organizations/{organization}/audit-events?action=test.happened"
    )
    (event,) = page.json()["items"]
    assert event["actor"] == {"type": "system", "id": None, "label": "system"}
    assert (event["target"]["id"], event["ip"]) == (None, None)
    assert event["changes"] == {
        "role": ["viewer", None],
        "at": "2026-11-22T00:00:00Z",
        "id": str(organization),
    }


async def test_what_fails_leaves_no_event(factory: Factory) -> None:
    ada = await factory.user()
    path = f"/organizations/{await factory.organization(ada)}"
    for name, status in (("Taken", 201), ("taken", 409)):
        response = await ada.request("POST", f"{path}/projects", json={"name": name})
        assert response.status_code == status
    page = await ada.request("GET", f"{path}/audit-events?action=project.created")
    assert len(page.json()["items"]) == 1


async def test_transaction_that_visits_organizations_records_in_each(factory: Factory) -> None:
    ada = await factory.user()
    organizations = [await factory.organization(ada) for _ in range(2)]
    async with open_unit_of_work() as unit:
        for organization in organizations:
            await unit.call(tenancy.enter_organization, organization)
            await unit.call(
                service.record,
                organization_id=organization,
                action="test.visited",
                target_type="organization",
                target_id=organization,
            )
            await unit.call(tenancy.leave_organization)
    for organization in organizations:
        page = await ada.request("GET", f"/organizations/{organization}/audit-events")
        assert page.json()["items"][0]["target"]["id"] == str(organization)
