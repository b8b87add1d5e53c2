"""Request and response bodies of projects."""

from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from app.core.schemas import Input, LongText, Name, Page, Schema, Timestamp

MAX_IMPORT = 1000


class ProjectStatus(StrEnum):
    """Archived projects can still be read."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class ProjectSort(StrEnum):
    """Sort order of the list; a leading minus means descending."""

    CREATED_AT = "created_at"
    CREATED_AT_DESC = "-created_at"
    NAME = "name"
    NAME_DESC = "-name"

    @property
    def by_name(self) -> bool:
        return self in {ProjectSort.NAME, ProjectSort.NAME_DESC}

    @property
    def descending(self) -> bool:
        return self.startswith("-")


class Project(Schema):
    """A project."""

    id: UUID
    organization_id: UUID
    name: str
    description: str
    status: ProjectStatus
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class ProjectCreate(Input):
    """A new project. Its name is unique in the organization, ignoring case."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Customer portal", "description": "Orders and invoices"}]
        }
    )

    name: Name
    description: LongText = ""


class ProjectUpdate(Input):
    """The fields to change; omitted fields are not changed."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "examples": [{"description": "Orders and invoices"}]}
    )

    # The default factories make the fields optional without allowing null. Their values are not
    # used: `exclude_unset` leaves out the fields that were not sent.
    name: Name = Field(default_factory=str)
    description: LongText = Field(default_factory=str)
    status: ProjectStatus = Field(default_factory=lambda: ProjectStatus.ACTIVE)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class ProjectImport(Input):
    """New projects: either all of them are created, or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"name": "Newsletter"}, {"name": "Price list"}]}]
        }
    )

    items: Annotated[list[ProjectCreate], Field(min_length=1, max_length=MAX_IMPORT)]


class ProjectImported(Schema):
    """The number of created projects."""

    created: int


class ProjectPage(Page[Project]):
    """One page of a list."""
