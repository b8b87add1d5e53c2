"""The contract of exports, and of what stands in their files."""

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from app.core.schemas import Input, Schema, Timestamp


class ExportFormat(StrEnum):
    """JSON is exact; CSV is for spreadsheets, with a ' before what they would run as a formula."""

    CSV = "csv"
    JSON = "json"


class ExportStatus(StrEnum):
    """How far an export has come."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ExportFailure(StrEnum):
    """Why an export failed: `too_large` will fail again, `internal_error` is being looked into."""

    TOO_LARGE = "too_large"
    INTERNAL_ERROR = "internal_error"


class ExportCreate(Input):
    """What to export the projects as."""

    format: ExportFormat


class Export(Schema):
    """An export; it is gone when it expires."""

    id: UUID
    organization_id: UUID
    format: ExportFormat
    status: ExportStatus
    failure: ExportFailure | None
    created_at: Timestamp
    finished_at: Timestamp | None
    expires_at: Timestamp
    download_url: str | None = Field(description="A path; null unless the export succeeded")


class ExportedProject(Schema):
    """A project in an export's file, or a row of it with the same columns."""

    id: UUID
    name: str
    description: str
    status: str
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
