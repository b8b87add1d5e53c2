"""Request and response bodies of widgets."""

from typing import Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from app.core.schemas import Input, Name, Page, Schema, Timestamp


class Widget(Schema):
    """A widget."""

    id: UUID
    organization_id: UUID
    name: str
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class WidgetCreate(Input):
    """A new widget."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "First"}]})

    name: Name


class WidgetUpdate(Input):
    """The fields to change; omitted fields are not changed."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "examples": [{"name": "Second"}]}
    )

    # The default factory makes the field optional without allowing null. Its value is not used:
    # `exclude_unset` leaves out the fields that were not sent.
    name: Name = Field(default_factory=str)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class WidgetPage(Page[Widget]):
    """One page of a list."""
