"""Base classes and field types of the modules' schemas."""

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    StringConstraints,
)


class Schema(BaseModel):
    """A response body."""

    model_config = ConfigDict(from_attributes=True)


class Input(BaseModel):
    """A request body. Unknown fields are rejected: a misspelt one would otherwise be ignored.

    `json_schema_extra` has an example of each, which the documentation page proposes.
    """

    model_config = ConfigDict(extra="forbid")


# Without control characters (PostgreSQL cannot store NUL; terminals interpret escape sequences),
# and with at least one visible character. Patterns, unlike validators, are part of OpenAPI.
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
MULTI_LINE = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=ONE_LINE)
]
LongText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=MULTI_LINE)
]


def normalise_email(value: str) -> str:
    """Return the form of an address that is stored and compared: NFC, lower case."""
    return unicodedata.normalize("NFC", value).lower()


def _refuse_display_name(value: object) -> object:
    # Pydantic accepts "Ada <ada@example.com>" and drops the name.
    if isinstance(value, str) and "<" in value:
        raise ValueError("must be an e-mail address without a name")
    return value


# In lower case: addresses that differ only in case are one mailbox, and must not be two accounts.
Email = Annotated[
    EmailStr,
    BeforeValidator(_refuse_display_name),
    AfterValidator(normalise_email),
    Field(max_length=254),
]


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        # On the first or the last day of the range of datetime.
        raise ValueError("must be within the years 1 to 9999 in UTC") from error


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


# Pydantic also accepts Unix time, as a number or a string of digits, and a time as a date; the
# contract is RFC 3339 only.
def _require_date(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and _DATE.fullmatch(value)):
        return value
    raise ValueError("must be an RFC 3339 date, such as 2030-01-31")


def _require_date_and_time(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise ValueError("must be an RFC 3339 date and time, such as 2030-01-31T12:00:00Z")


Timestamp = Annotated[AwareDatetime, AfterValidator(_to_utc)]
TimestampInput = Annotated[
    AwareDatetime, BeforeValidator(_require_date_and_time), AfterValidator(_to_utc)
]
DateInput = Annotated[date, BeforeValidator(_require_date)]


class Page[Item](Schema):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None


def fold(text: str) -> str:
    """Return the form of a text to compare and sort by: NFKC, without case."""
    return unicodedata.normalize("NFKC", text).casefold()
