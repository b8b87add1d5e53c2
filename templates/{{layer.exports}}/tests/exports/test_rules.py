from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from app.core.errors import Conflict
from app.core.ids import uuid7
from app.exports.rules import Export, ExportView, FileView
from app.exports.schemas import ExportStatus

NOW = datetime.now(UTC)


def _row(status: str) -> Export:
    row = SimpleNamespace(
        id=uuid7(),
        organization_id=uuid7(),
        format="csv",
        status=status,
        failure=None,
        created_at=NOW,
        finished_at=None,
        expires_at=NOW,
    )
    return cast(Export, row)


@pytest.mark.parametrize(
    ("stored", "started_at", "expected"),
    [
        ("queued", None, ExportStatus.QUEUED),
        ("queued", NOW, ExportStatus.RUNNING),
        ("failed", NOW, ExportStatus.FAILED),
        ("succeeded", None, ExportStatus.SUCCEEDED),
    ],
)
def test_queued_export_runs_once_its_job_has_started(
    stored: str, started_at: datetime | None, expected: ExportStatus
) -> None:
    assert ExportView.of(_row(stored), started_at=started_at).status is expected


@pytest.mark.parametrize("status", ["queued", "failed", "succeeded"])
def test_only_an_export_that_succeeded_has_a_download_url(status: str) -> None:
    export = ExportView.of(_row(status), started_at=None)
    url = f"/api/v1/organizations/{export.organization_id}/exports/{export.id}/download"
    assert export.download_url == (url if status == "succeeded" else None)


@pytest.mark.parametrize("status", ["queued", "failed"])
def test_unfinished_export_has_no_file(status: str) -> None:
    with pytest.raises(Conflict):
        FileView.of(file_format="csv", status=status, created_at=NOW, content=None)
