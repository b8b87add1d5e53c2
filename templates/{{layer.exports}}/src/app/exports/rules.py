"""Rules of exports."""

from collections.abc import Buffer
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self
from uuid import UUID

from app.core.errors import Conflict
from app.exports.schemas import ExportFailure, ExportFormat, ExportStatus

LIFETIME = timedelta(days=7)
# Compressed size: files are stored in the database and served from memory.
MAX_FILE_BYTES = 20 * 1024 * 1024
# Projects in memory while a file is written.
BATCH = 500

_MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSON: "application/json",
}


class Export(Protocol):
    """A row of an export, without its file."""

    @property
    def id(self) -> UUID: ...
    @property
    def organization_id(self) -> UUID: ...
    @property
    def format(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def failure(self) -> str | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def finished_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class ExportView:
    """An export without its file."""

    id: UUID
    organization_id: UUID
    format: ExportFormat
    status: ExportStatus
    failure: ExportFailure | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime

    @classmethod
    def of(cls, export: Export, *, started_at: datetime | None) -> Self:
        """Return the view of a row; `started_at` is that of its job, None if it is deleted."""
        status = ExportStatus(export.status)
        if status is ExportStatus.QUEUED and started_at is not None:
            # The job commits its changes when it ends; only its claim is committed before.
            status = ExportStatus.RUNNING
        return cls(
            id=export.id,
            organization_id=export.organization_id,
            format=ExportFormat(export.format),
            status=status,
            failure=None if export.failure is None else ExportFailure(export.failure),
            created_at=export.created_at,
            finished_at=export.finished_at,
            expires_at=export.expires_at,
        )

    @property
    def path(self) -> str:
        return f"/api/v1/organizations/{self.organization_id}/exports/{self.id}"

    @property
    def download_url(self) -> str | None:
        return f"{self.path}/download" if self.status is ExportStatus.SUCCEEDED else None


@dataclass(frozen=True, slots=True)
class FileView:
    """The file of an export; `content` is gzip."""

    format: ExportFormat
    created_at: datetime
    content: bytes

    @classmethod
    def of(
        cls, *, file_format: str, status: str, created_at: datetime, content: Buffer | None
    ) -> Self:
        """Return the file of a row; Conflict if it has none (yet)."""
        if status == ExportStatus.FAILED:
            raise Conflict("The export failed.")
        if content is None:
            raise Conflict("The export is not finished.")
        return cls(ExportFormat(file_format), created_at, bytes(content))

    @property
    def name(self) -> str:
        return f"projects-{self.created_at:%Y-%m-%d}.{self.format.value}"

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES[self.format]
