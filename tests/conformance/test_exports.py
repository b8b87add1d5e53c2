"""Exports: a job in the worker, and a file that every replica can serve."""

import csv
import io
import time
from typing import Any

import pytest

from .factories import Account, Factory, Organization, Team
from .problems import assert_problem

pytestmark = pytest.mark.feature("exports")

NAMES = ["Plain", 'Comma, "quoted"', "Line\u2028break", "مشروع", "🚀 rocket", "=1+1"]


def wait_for_export(account: Account, path: str, *, within: float = 60) -> dict[str, Any]:
    """Poll an export until it has succeeded or failed; return it."""
    deadline = time.monotonic() + within
    while True:
        response = account.api.get(path)
        assert response.status_code == 200, response.text
        export: dict[str, Any] = response.json()
        if export["status"] in ("succeeded", "failed"):
            return export
        assert export["status"] in ("queued", "running")
        assert time.monotonic() < deadline, (
            f"export not finished after {within} s, is the worker running? {export}"
        )
        time.sleep(0.1)


def start_export(organization: Organization, file_format: str = "csv") -> str:
    """Request an export; return its path."""
    response = organization.owner.api.post(
        f"{organization.path}/exports", json={"format": file_format}
    )
    assert response.status_code == 202, response.text
    path: str = response.headers["location"]
    return path


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_export_contains_all_projects(organization: Organization, file_format: str) -> None:
    api = organization.owner.api
    for name in NAMES:
        organization.project(name, description="two\nlines, and a comma")
    response = api.post(f"{organization.path}/exports", json={"format": file_format})
    assert response.status_code == 202, response.text
    queued = response.json()
    assert queued["status"] in ("queued", "running")
    assert queued.get("download_url") is None
    path = response.headers["location"]
    assert path.endswith(f"{organization.path}/exports/{queued['id']}")

    export = wait_for_export(organization.owner, path)
    assert export["status"] == "succeeded"
    assert export["finished_at"] >= export["created_at"]
    download = api.get(export["download_url"])
    assert download.status_code == 200
    assert "attachment" in download.headers["content-disposition"]
    assert download.headers["x-content-type-options"] == "nosniff"
    if file_format == "json":
        assert download.headers["content-type"].split(";")[0] == "application/json"
        rows = download.json()
    else:
        assert download.headers["content-type"].split(";")[0] == "text/csv"
        rows = list(csv.DictReader(io.StringIO(download.content.decode("utf-8-sig"))))
    found = {row["name"] for row in rows}
    assert len(rows) == len(NAMES)
    # CSV injection: names that a spreadsheet would evaluate are escaped in CSV.
    assert {name for name in NAMES if not name.startswith("=")} <= found
    assert {row["description"] for row in rows} == {"two\nlines, and a comma"}
    if file_format == "csv":
        assert "=1+1" not in found, "expected the formula to be escaped in CSV"
    else:
        assert "=1+1" in found


def test_empty_organization_can_be_exported(organization: Organization) -> None:
    for file_format in ("csv", "json"):
        export = wait_for_export(organization.owner, start_export(organization, file_format))
        assert export["status"] == "succeeded"
        assert organization.owner.api.get(export["download_url"]).status_code == 200


def test_export_contains_one_organization_only(team: Team, factory: Factory) -> None:
    secret = team.organization.project("Secret of the team")
    other = factory.organization(team.stranger)
    export = wait_for_export(team.stranger, start_export(other, "json"))
    download = team.stranger.api.get(export["download_url"])
    assert secret["name"] not in download.text


def test_exports_are_visible_to_members_only(team: Team) -> None:
    path = start_export(team.organization)
    export = wait_for_export(team.owner, path)
    for address in (path, export["download_url"]):
        assert_problem(team.stranger.api.get(address), 404, "not-found")
        assert_problem(team.owner.driver.http.get(address), 401, "unauthenticated")
        assert_problem(team.viewer.api.get(address), 403, "forbidden")
        assert team.member.api.get(address).status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"format": "xml"}, {"format": None}, {"format": "CSV"}, {"format": "csv", "x": 1}]
)
def test_invalid_formats_are_rejected(organization: Organization, body: dict[str, Any]) -> None:
    response = organization.owner.api.post(f"{organization.path}/exports", json=body)
    assert_problem(response, 422, "validation-error")


def test_unknown_export_is_404(organization: Organization) -> None:
    path = f"{organization.path}/exports/0191e3a0-0000-7000-8000-000000000000"
    assert_problem(organization.owner.api.get(path), 404, "not-found")
    assert_problem(organization.owner.api.get(f"{path}/download"), 404, "not-found")


def test_a_request_is_recorded(organization: Organization) -> None:
    start_export(organization)
    events = organization.owner.api.get(f"{organization.path}/audit-events").json()["items"]
    assert any(event["action"].startswith("export") for event in events)
