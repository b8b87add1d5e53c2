"""ETags and preconditions (RFC 9110, section 13) against lost updates."""

import pytest

from .concurrency import map_concurrently, run_concurrently
from .factories import Organization, unique
from .problems import assert_problem


@pytest.fixture
def project_path(organization: Organization) -> str:
    return f"{organization.path}/projects/{organization.project()['id']}"


def test_creation_returns_location_and_etag(organization: Organization) -> None:
    api = organization.owner.api
    response = api.post(f"{organization.path}/projects", json={"name": unique()})
    address = response.headers["location"]
    assert address.endswith(f"{organization.path}/projects/{response.json()['id']}")
    found = api.get(address)
    assert found.json() == response.json()
    assert found.headers["etag"] == response.headers["etag"]


def test_etag_is_strong(organization: Organization, project_path: str) -> None:
    for path in (project_path, organization.path, "/api/v1/me"):
        etag = organization.owner.api.get(path).headers["etag"]
        assert etag.startswith('"'), path
        assert etag.endswith('"'), path
        assert len(etag) > 2, path


def test_if_none_match_returns_304(organization: Organization, project_path: str) -> None:
    api = organization.owner.api
    for path in (project_path, organization.path, "/api/v1/me"):
        etag = api.get(path).headers["etag"]
        for value in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            response = api.get(path, headers={"If-None-Match": value})
            assert response.status_code == 304, (path, value)
            assert response.content == b""
            assert response.headers["etag"] == etag
        response = api.get(path, headers={"If-None-Match": '"other"'})
        assert response.status_code == 200


def test_if_match_rejects_stale_changes(organization: Organization, project_path: str) -> None:
    api = organization.owner.api
    first = api.get(project_path).headers["etag"]
    changed = api.patch(project_path, json={"description": "1"}, headers={"If-Match": first})
    assert changed.status_code == 200, changed.text
    second = changed.headers["etag"]
    assert second != first
    assert changed.json()["version"] == 2
    assert api.get(project_path).headers["etag"] == second

    for stale in (first, '"other"', f"W/{second}"):
        response = api.patch(project_path, json={"description": "2"}, headers={"If-Match": stale})
        assert_problem(response, 412, "precondition-failed")
    assert api.get(project_path).json()["description"] == "1"

    for current in (f'"other", {second}', "*"):
        response = api.patch(project_path, json={"description": "1"}, headers={"If-Match": current})
        assert response.status_code == 200, current
        second = response.headers["etag"]


def test_if_match_is_optional(organization: Organization, project_path: str) -> None:
    response = organization.owner.api.patch(project_path, json={"description": "plain"})
    assert response.status_code == 200


def test_if_match_rejects_stale_deletes(organization: Organization, project_path: str) -> None:
    api = organization.owner.api
    first = api.get(project_path).headers["etag"]
    second = api.patch(project_path, json={"description": "1"}).headers["etag"]
    assert_problem(api.delete(project_path, headers={"If-Match": first}), 412)
    assert api.get(project_path).status_code == 200
    assert api.delete(project_path, headers={"If-Match": second}).status_code == 204
    assert_problem(api.get(project_path), 404, "not-found")
    assert_problem(api.delete(project_path), 404, "not-found")


def test_if_match_applies_to_organizations(organization: Organization) -> None:
    api = organization.owner.api
    first = api.get(organization.path).headers["etag"]
    changed = api.patch(organization.path, json={"name": "Second"}, headers={"If-Match": first})
    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] != first
    assert_problem(
        api.patch(organization.path, json={"name": "Third"}, headers={"If-Match": first}), 412
    )
    assert_problem(api.delete(organization.path, headers={"If-Match": first}), 412)
    assert api.get(organization.path).json()["name"] == "Second"


def test_parallel_changes_of_one_version_succeed_once(
    organization: Organization, project_path: str
) -> None:
    api = organization.owner.api
    etag = api.get(project_path).headers["etag"]
    answers = map_concurrently(
        lambda number: api.patch(
            project_path, json={"description": str(number)}, headers={"If-Match": etag}
        ),
        range(6),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]


def test_invalid_changes_are_rejected(organization: Organization, project_path: str) -> None:
    api = organization.owner.api
    for body in (
        {"name": None},
        {"status": "gone"},
        {"status": None},
        {"version": 9},
        {"name": ""},
    ):
        assert_problem(api.patch(project_path, json=body), 422, "validation-error")
    assert api.get(project_path).json()["version"] == 1


def test_project_names_are_unique_ignoring_case(organization: Organization) -> None:
    api = organization.owner.api
    organization.project("Straße Å")
    other = organization.project()
    for name in ("STRASSE Å", "straße å", " Straße A\u030a "):
        response = api.post(f"{organization.path}/projects", json={"name": name})
        assert_problem(response, 409, "conflict")
        path = f"{organization.path}/projects/{other['id']}"
        assert_problem(api.patch(path, json={"name": name}), 409, "conflict")


def test_parallel_creation_of_one_name_succeeds_once(organization: Organization) -> None:
    name = unique()
    answers = run_concurrently(
        [lambda: organization.owner.api.post(f"{organization.path}/projects", json={"name": name})]
        * 6
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


def test_import_is_atomic(organization: Organization) -> None:
    api = organization.owner.api
    organization.project("Taken")
    address = f"{organization.path}/projects/import"

    def rows(*names: str) -> dict[str, object]:
        return {"items": [{"name": name} for name in names]}

    assert_problem(api.post(address, json=rows("One", "taken")), 409, "conflict")
    assert_problem(api.post(address, json=rows("One", "ONE")), (409, 422))
    assert_problem(api.post(address, json=rows("One", "")), 422, "validation-error")
    assert_problem(api.post(address, json=rows()), 422, "validation-error")
    too_many = rows(*[f"Row {number}" for number in range(1001)])
    assert_problem(api.post(address, json=too_many), 422, "validation-error")
    names = [item["name"] for item in api.get(f"{organization.path}/projects").json()["items"]]
    assert names == ["Taken"]
    organization.import_projects([f"Row {number}" for number in range(1000)])
