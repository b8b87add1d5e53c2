"""Query parameters that every list shares."""

from typing import Annotated

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=100, description="Items on a page")]
Cursor = Annotated[
    str | None, Query(max_length=1000, description="`next_cursor` of the page before")
]
