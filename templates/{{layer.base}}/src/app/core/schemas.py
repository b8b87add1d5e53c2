"""Building blocks of the contract: every module's `schemas.py` is made of these."""

import unicodedata
from datetime import UTC, datetime
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
    """An answer of the API."""

    model_config = ConfigDict(from_attributes=True)


class Input(BaseModel):
    """A request body: unknown fields are refused, so that a typing error is not a silent no-op."""

    model_config = ConfigDict(extra="forbid")


# Control characters are refused (PostgreSQL cannot store NUL, terminals obey escapes), and at
# least one character must be visible. Patterns rather than validators: they show in OpenAPI.
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
MULTI_LINE = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=ONE_LINE)
]
LongText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=MULTI_LINE)
]


def normalise_email(value: str) -> str:
    """Make the one spelling of an address."""
    return unicodedata.normalize("NFC", value).lower()


def _bare_address(value: object) -> object:
    # Pydantic would take "Ada <ada@example.com>" and drop the name.
    if isinstance(value, str) and "<" in value:
        raise ValueError("must be an e-mail address without a name")
    return value


# Lower case throughout: two accounts that differ in case only would be one mailbox.
Email = Annotated[
    EmailStr,
    BeforeValidator(_bare_address),
    AfterValidator(normalise_email),
    Field(max_length=254, examples=["ada@example.com"]),
]


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        # On the first or the last day that a datetime can be.
        raise ValueError("must be within the years 1 to 9999 in UTC") from error


def _no_number(value: object) -> object:
    # Pydantic would take a bare number for a Unix time; RFC 3339 is the contract.
    if isinstance(value, int | float):
        raise ValueError("must be an RFC 3339 date and time")
    return value


Timestamp = Annotated[AwareDatetime, AfterValidator(_to_utc)]
TimestampInput = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_to_utc)]


class Page[Item](Schema):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None


def fold(text: str) -> str:
    """Text reduced to what makes it unique or sortable: case and composition do not count."""
    return unicodedata.normalize("NFKC", text).casefold()
