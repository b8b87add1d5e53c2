"""Request and response bodies of exports, and the rows of their files."""

from enum import StrEnum
from uuid import UUID

from pydantic import ConfigDict, Field

from app.core.schemas import Input, Schema, Timestamp


class ExportFormat(StrEnum):
    """JSON is exact. In CSV, text that a spreadsheet would run as a formula is prefixed with '."""

    CSV = "csv"
    JSON = "json"


class ExportStatus(StrEnum):
    """Progress of an export."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ExportFailure(StrEnum):
    """Reason of a failure. After `too_large`, another attempt fails as well."""

    TOO_LARGE = "too_large"
    INTERNAL_ERROR = "internal_error"


class ExportCreate(Input):
    """The file format of a new export."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"format": "csv"}]})

    format: ExportFormat


class Export(Schema):
    """An export of all projects. It is deleted when it expires."""

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
    """A project in an export file: a JSON object, or a CSV row with the same columns."""

    id: UUID
    name: str
    description: str
    status: str
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
