import csv
import io
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.core.db import tenancy
from app.core.jobs.execution import run_job
from app.core.jobs.outbox import replay
from app.exports import rules, service
from app.projects import queries as projects
from tests.concurrency import run_concurrently
from tests.database import execute, open_unit_of_work
from tests.factories import Factory, SignedInUser


async def _request_export(user: SignedInUser, organization: UUID, file_format: str = "json") -> str:
    path = f"/organizations/{organization}/exports"
    response = await user.request("POST", path, json={"format": file_format})
    assert response.status_code == 202, response.text
    body, location = response.json(), response.headers["location"]
    assert location == f"/api/v1{path}/{body['id']}"
    assert (body["status"], body["failure"], body["download_url"]) == ("queued", None, None)
    return f"{path}/{body['id']}"


async def _read(user: SignedInUser, path: str) -> dict[str, Any]:
    response = await user.request("GET", path)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def _jobs(name: str = "exports.run") -> list[dict[str, Any]]:
    return await execute("SELECT * FROM outbox WHERE job = %(name)s ORDER BY id", name=name)


async def _run_jobs() -> None:
    for job in await _jobs():
        await run_job(job["id"])


async def test_export_is_written_and_downloaded(factory: Factory) -> None:
    ada = await factory.user()
    organization = await factory.organization(ada)
    for name in ("Plain", '=HYPERLINK("http://evil.example")', "مشروع 🚀"):
        await ada.request(
            "POST",
            f"/organizations/{organization}/projects",
            json={"name": name, "description": "two\nlines, and a comma"},
        )
    json_path = await _request_export(ada, organization, "json")
    csv_path = await _request_export(ada, organization, "csv")
    await _run_jobs()

    export = await _read(ada, json_path)
    assert (export["status"], export["failure"]) == ("succeeded", None)
    assert export["created_at"] < export["finished_at"] < export["expires_at"]
    assert export["download_url"] == f"/api/v1{json_path}/download"
    file = await ada.client.get(export["download_url"], headers=ada.headers)
    assert file.headers["content-type"] == "application/json"
    date = export["created_at"][:10]
    disposition = f'attachment; filename="projects-{date}.json"'
    assert file.headers["content-disposition"] == disposition
    exact = file.json()
    assert [row["name"] for row in exact] == [
        "Plain",
        '=HYPERLINK("http://evil.example")',
        "مشروع 🚀",
    ]
    assert exact[0]["created_by"] == str(ada.id)
    assert exact[0]["created_at"].endswith("Z")

    file = await ada.request("GET", f"{csv_path}/download")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert rows[1].pop("name") == '\'=HYPERLINK("http://evil.example")'
    exact[1].pop("name")
    assert rows == exact


async def test_download_has_an_etag(factory: Factory) -> None:
    ada = await factory.user()
    path = await _request_export(ada, await factory.organization(ada))
    await _run_jobs()
    file = await ada.request("GET", f"{path}/download")
    assert file.headers["cache-control"] == "private, no-cache"
    same = await ada.request(
        "GET", f"{path}/download", headers={"If-None-Match": file.headers["etag"]}
    )
    assert (same.status_code, same.content) == (304, b"")


async def test_export_contains_every_project_once(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await factory.user()
    organization = await factory.organization(ada)
    names = [f"Project {number:02}" for number in range(25)]
    # One import: many projects have the same created_at, as at a page boundary.
    await ada.request(
        "POST",
        f"/organizations/{organization}/projects/import",
        json={"items": [{"name": name} for name in names]},
    )
    monkeypatch.setattr(rules, "BATCH", 10)
    path = await _request_export(ada, organization)
    await _run_jobs()
    rows = (await ada.request("GET", f"{path}/download")).json()
    assert sorted(row["name"] for row in rows) == names


async def test_projects_of_other_organizations_are_not_exported(factory: Factory) -> None:
    ada, eve = await factory.user(), await factory.user()
    mine, hers = await factory.organization(ada), await factory.organization(eve)
    await ada.request("POST", f"/organizations/{mine}/projects", json={"name": "Secret"})
    path = await _request_export(eve, hers)
    await _run_jobs()
    assert (await eve.request("GET", f"{path}/download")).json() == []
    # The export is not accessible through another organization.
    foreign = path.replace(str(hers), str(mine))
    for address in (foreign, f"{foreign}/download"):
        assert (await ada.request("GET", address)).status_code == 404


async def test_download_before_the_export_is_done_is_409(factory: Factory) -> None:
    ada = await factory.user()
    path = await _request_export(ada, await factory.organization(ada))
    assert (await ada.request("GET", f"{path}/download")).status_code == 409


@pytest.mark.committed
async def test_running_status_is_visible_to_other_requests(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await factory.user()
    path = await _request_export(ada, await factory.organization(ada))
    list_projects, exports = projects.list_projects, []

    async def read_status(*args: Any, **kwargs: Any) -> Any:
        # Concurrently: inside the job, the request could share the transaction of the job.
        exports.extend(await run_concurrently([partial(_read, ada, path)]))
        return await list_projects(*args, **kwargs)

    monkeypatch.setattr(projects, "list_projects", read_status)
    await _run_jobs()
    assert [export["status"] for export in exports] == ["running"]
    assert exports[0]["finished_at"] is None
    assert (await _read(ada, path))["status"] == "succeeded"


async def test_export_is_queued_after_a_failed_attempt(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await factory.user()
    path = await _request_export(ada, await factory.organization(ada))
    with monkeypatch.context() as patch:
        patch.setattr(projects, "list_projects", None)
        await _run_jobs()
    assert (await _read(ada, path))["status"] == "queued"


async def test_dead_letter_fails_the_export_and_can_be_replayed(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await factory.user()
    path = await _request_export(ada, await factory.organization(ada))
    await execute("UPDATE outbox SET attempts = 100 WHERE job = 'exports.run'")
    await _run_jobs()
    export = await _read(ada, path)
    assert (export["status"], export["failure"]) == ("failed", "internal_error")
    assert export["finished_at"] is not None
    assert export["download_url"] is None
    assert (await ada.request("GET", f"{path}/download")).status_code == 409

    (job,) = await _jobs()
    async with open_unit_of_work() as unit:
        await unit.call(replay, job["id"])
    await _run_jobs()
    export = await _read(ada, path)
    assert (export["status"], export["failure"]) == ("succeeded", None)


async def test_too_large_export_fails_and_its_job_is_done(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await factory.user()
    path = await _request_export(ada, await factory.organization(ada))
    monkeypatch.setattr(rules, "MAX_FILE_BYTES", 10)
    await _run_jobs()
    export = await _read(ada, path)
    assert (export["status"], export["failure"]) == ("failed", "too_large")
    assert (await _jobs())[0]["done_at"] is not None


async def test_second_run_does_not_change_the_export(factory: Factory) -> None:
    ada = await factory.user()
    organization = await factory.organization(ada)
    path = await _request_export(ada, organization)
    await _run_jobs()
    export = await _read(ada, path)
    await ada.request("POST", f"/organizations/{organization}/projects", json={"name": "Late"})
    async with open_unit_of_work() as unit:
        await unit.call(tenancy.enter_organization, organization)
        await unit.call(
            service.write_export, organization_id=organization, export_id=UUID(export["id"])
        )
    assert await _read(ada, path) == export
    assert (await ada.request("GET", f"{path}/download")).json() == []


async def test_expired_export_is_404_and_its_job_deletes_it(factory: Factory) -> None:
    ada = await factory.user()
    organization = await factory.organization(ada)
    path = await _request_export(ada, organization)
    await _run_jobs()
    await execute("UPDATE exports SET expires_at = clock_timestamp()", organization)
    for address in (path, f"{path}/download"):
        assert (await ada.request("GET", address)).status_code == 404

    (job,) = await _jobs("exports.expire")
    assert (job["available_at"] - job["created_at"]).days in {6, 7}
    await execute(
        "UPDATE outbox SET available_at = clock_timestamp() WHERE id = %(id)s", id=job["id"]
    )
    await run_job(job["id"])
    assert await execute("SELECT id FROM exports", organization) == []
    assert (await _jobs("exports.expire"))[0]["done_at"] is not None


@pytest.mark.committed
async def test_job_of_a_deleted_organization_is_done(factory: Factory) -> None:
    ada = await factory.user()
    organization = await factory.organization(ada)
    await _request_export(ada, organization)
    assert (await ada.request("DELETE", f"/organizations/{organization}")).status_code == 204
    await _run_jobs()
    (job,) = await _jobs()
    assert (job["done_at"] is not None, job["last_error"]) == (True, None)


@pytest.mark.committed
async def test_idempotent_request_creates_one_export(factory: Factory) -> None:
    ada = await factory.user()
    path = f"/organizations/{await factory.organization(ada)}/exports"
    responses = [
        await ada.request("POST", path, json={"format": "csv"}, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert [response.status_code for response in responses] == [202, 202]
    assert responses[0].headers["location"] == responses[1].headers["location"]
    assert len(await _jobs()) == 1


@pytest.mark.committed
async def test_duplicate_messages_write_one_file(factory: Factory) -> None:
    ada = await factory.user()
    path = await _request_export(ada, await factory.organization(ada))
    (job,) = await _jobs()
    await run_concurrently(partial(run_job, job["id"]) for _ in range(5))
    assert (await _read(ada, path))["status"] == "succeeded"
    assert (await _jobs())[0]["attempts"] == 1


@pytest.mark.parametrize(
    "body", [{}, {"format": "xml"}, {"format": "CSV"}, {"format": None}, {"format": "csv", "x": 1}]
)
async def test_invalid_body_is_rejected(factory: Factory, body: dict[str, Any]) -> None:
    ada = await factory.user()
    path = f"/organizations/{await factory.organization(ada)}/exports"
    assert (await ada.request("POST", path, json=body)).status_code == 422
