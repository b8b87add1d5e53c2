"""Lists: cursors are stable under inserts and cannot be forged."""

import base64
from typing import Any

import pytest

from .factories import Account, Organization, Team, unique
from .problems import assert_field_error


def fetch_all(account: Account, address: str, *, limit: int) -> list[dict[str, Any]]:
    """Read all pages of a list; return the items."""
    items: list[dict[str, Any]] = []
    cursor = ""
    joiner = "&" if "?" in address else "?"
    for _ in range(1000):
        page = account.api.get(f"{address}{joiner}limit={limit}{cursor}").json()
        assert set(page) == {"items", "next_cursor"}, page
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"
    raise AssertionError("next_cursor is not null after 1000 pages: does the cursor advance?")


@pytest.fixture(scope="module")
def many(module_organization: Organization) -> Organization:
    # One import, so that rows share created_at and the order needs its tie-breaker.
    module_organization.import_projects([f"Row {number:03}" for number in range(250)])
    return module_organization


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name"])
def test_pages_with_inserts_contain_each_row_once(many: Organization, sort: str) -> None:
    api = many.owner.api
    seen: list[str] = []
    cursor = ""
    for turn in range(100):
        page = api.get(f"{many.path}/projects?limit=20&sort={sort}{cursor}").json()
        seen += [item["name"] for item in page["items"]]
        for prefix in ("AAA", "Row 100", "ZZZ"):
            many.project(unique(f"{prefix} {turn}"))
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen))
    originals = [name for name in seen if len(name) == len("Row 000")]
    assert set(originals) == {f"Row {number:03}" for number in range(250)}
    if sort == "name":
        assert originals == sorted(originals)
    if sort == "-name":
        assert originals == sorted(originals, reverse=True)


def test_default_page_has_20_items(many: Organization) -> None:
    page = many.owner.api.get(f"{many.path}/projects").json()
    assert len(page["items"]) == 20
    assert page["next_cursor"]


def test_sort_by_name_ignores_case(organization: Organization) -> None:
    for name in ("beta", "Alpha", "GAMMA"):
        organization.project(name)
    items = fetch_all(organization.owner, f"{organization.path}/projects?sort=name", limit=1)
    assert [item["name"] for item in items] == ["Alpha", "beta", "GAMMA"]


def test_filters_select_matching_rows(organization: Organization) -> None:
    api = organization.owner.api
    for name in ("Blue whale", "Red fox", "100% wool", "under_score"):
        organization.project(name)
    whale = api.get(f"{organization.path}/projects?q=WHALE").json()["items"]
    assert [item["name"] for item in whale] == ["Blue whale"]
    # SQL wildcards match literally.
    for query, found in (("%25", "100% wool"), ("_", "under_score")):
        items = api.get(f"{organization.path}/projects?q={query}").json()["items"]
        assert [item["name"] for item in items] == [found]

    address = f"{organization.path}/projects/{whale[0]['id']}"
    assert api.patch(address, json={"status": "archived"}).status_code == 200
    for status, count in (("archived", 1), ("active", 3)):
        items = fetch_all(
            organization.owner, f"{organization.path}/projects?status={status}", limit=2
        )
        assert len(items) == count
        assert {item["status"] for item in items} == {status}


def _cursor(many: Organization, query: str = "") -> str:
    page = many.owner.api.get(f"{many.path}/projects?limit=5{query}").json()
    cursor: str = page["next_cursor"]
    return cursor


def test_tampered_cursor_is_rejected(many: Organization) -> None:
    cursor = _cursor(many)
    forged = base64.urlsafe_b64encode(b'["2020-01-01T00:00:00Z", 1]').decode()
    wrong = [cursor[:-1], cursor + "A", cursor[1:], "AAAA" + cursor, cursor[::-1], forged]
    for at in range(0, len(cursor), 7):
        other = "A" if cursor[at] != "A" else "B"
        wrong.append(cursor[:at] + other + cursor[at + 1 :])
    for text in [*wrong, "", " ", "%F0%9F%9A%80", "x" * 3000, "null", "0"]:
        response = many.owner.api.get(f"{many.path}/projects?cursor={text}")
        assert_field_error(response, "cursor")


@pytest.mark.parametrize("query", ["&sort=name", "&sort=created_at", "&status=active", "&q=row"])
def test_cursor_is_bound_to_sort_and_filter(many: Organization, query: str) -> None:
    response = many.owner.api.get(f"{many.path}/projects?cursor={_cursor(many)}{query}")
    assert_field_error(response, "cursor")
    response = many.owner.api.get(f"{many.path}/projects?cursor={_cursor(many, query)}")
    assert_field_error(response, "cursor")


def test_cursor_is_bound_to_the_organization(
    many: Organization, organization: Organization
) -> None:
    response = organization.owner.api.get(f"{organization.path}/projects?cursor={_cursor(many)}")
    assert_field_error(response, "cursor")


def test_page_size_may_change_between_pages(many: Organization) -> None:
    first = many.owner.api.get(f"{many.path}/projects?limit=5&sort=name").json()
    rest = many.owner.api.get(
        f"{many.path}/projects?limit=7&sort=name&cursor={first['next_cursor']}"
    ).json()
    whole = many.owner.api.get(f"{many.path}/projects?limit=12&sort=name").json()
    assert first["items"] + rest["items"] == whole["items"]


def test_every_list_is_paginated(team: Team) -> None:
    organization = team.organization
    api = team.owner.api
    for number in range(3):
        organization.key("projects:read")
        organization.project()
        response = api.post(
            f"{organization.path}/invitations",
            json={"email": f"page-{number}-{unique('x')[2:]}@example.com", "role": "viewer"},
        )
        assert response.status_code == 201, response.text
    for name in ("members", "invitations", "projects", "api-keys", "audit-events"):
        address = f"{organization.path}/{name}"
        one_by_one = fetch_all(team.owner, address, limit=1)
        assert len(one_by_one) >= 3, name
        at_once = fetch_all(team.owner, address, limit=100)
        assert one_by_one == at_once, name
        for wrong in ("limit=0", "limit=101", "cursor=x"):
            assert_field_error(api.get(f"{address}?{wrong}"), wrong.split("=")[0])


def test_own_organizations_are_paginated(team: Team) -> None:
    for account in (team.owner, team.viewer):
        one_by_one = fetch_all(account, "/api/v1/organizations", limit=1)
        assert one_by_one == fetch_all(account, "/api/v1/organizations", limit=100)
        assert team.organization.id in [item["id"] for item in one_by_one]


def test_times_are_utc_and_ids_are_uuid7(organization: Organization) -> None:
    project = organization.project()
    for field in ("created_at", "updated_at"):
        assert project[field].endswith("Z"), project
    for field in ("id", "organization_id"):
        assert project[field][14] == "7", f"expected a UUIDv7: {field}={project[field]}"
