"""Parameters shared by operations."""

from typing import Annotated

from pydantic import BaseModel, Field


class PageQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=100, description="Items on a page")] = 20
    cursor: Annotated[
        str | None, Field(max_length=1000, description="`next_cursor` of the page before")
    ] = None


class Precondition(BaseModel):
    if_match: str | None = Field(
        default=None, description="Refuse the change (412) unless this is the current ETag."
    )


class Idempotency(BaseModel):
    idempotency_key: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="Makes the request safe to repeat for 24 hours.",
        ),
    ] = None


def header_name(field: str) -> str:
    """Return the header of a field: `If-Match` of `if_match`."""
    return field.replace("_", "-").title()
