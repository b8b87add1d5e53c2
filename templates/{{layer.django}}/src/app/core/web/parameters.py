from typing import Annotated

from ninja import Header
from pydantic import BaseModel, Field

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match", description="Refuse the change (412) unless this is the current ETag."
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Makes the request safe to repeat for 24 hours.",
    ),
]


class PageQuery(BaseModel):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=100, description="Items on a page")] = 20
    cursor: Annotated[
        str | None, Field(max_length=1000, description="`next_cursor` of the page before")
    ] = None
