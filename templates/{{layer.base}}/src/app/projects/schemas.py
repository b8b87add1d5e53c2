"""The contract of projects."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from app.core.schemas import Input, LongText, Name, Page, Schema, Timestamp

MAX_IMPORT = 1000


class ProjectStatus(StrEnum):
    """Archived projects stay readable."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class ProjectSort(StrEnum):
    """What a list may be sorted by; a leading minus means descending."""

    CREATED_AT = "created_at"
    CREATED_AT_DESC = "-created_at"
    NAME = "name"
    NAME_DESC = "-name"


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
    """A new project; its name is unique in the organization without regard to case."""

    name: Name
    description: LongText = ""


class ProjectUpdate(Input):
    """What may be changed of a project: what is left out stays as it is."""

    name: Annotated[Name, Field(default=None, validate_default=False)]
    description: Annotated[LongText, Field(default=None, validate_default=False)]
    status: Annotated[ProjectStatus, Field(default=None, validate_default=False)]

    @model_validator(mode="after")
    def _not_empty(self) -> "ProjectUpdate":
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class ProjectImport(Input):
    """Many new projects at once: all are made, or none."""

    items: Annotated[list[ProjectCreate], Field(min_length=1, max_length=MAX_IMPORT)]


class ProjectImported(Schema):
    """How many projects were made."""

    created: int


ProjectPage = Page[Project]
