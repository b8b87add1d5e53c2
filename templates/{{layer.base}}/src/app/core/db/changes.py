"""Changes of a row: found for the audit event, applied with a new version for the ETag."""

from collections.abc import Mapping
from typing import Any, Protocol

type Changes = dict[str, list[Any]]


class Versioned(Protocol):
    """A row whose ETag is made of `version`."""

    version: int


def changed_fields(row: object, wanted: Mapping[str, object | None]) -> Changes:
    """Return `[before, after]` of each field; None, and the value it has, change nothing."""
    return {
        field: [before, value]
        for field, value in wanted.items()
        if value is not None and value != (before := getattr(row, field))
    }


def apply_changes(row: Versioned, changes: Changes) -> None:
    """Set the new values, and increment the version."""
    for field, (_, after) in changes.items():
        setattr(row, field, after)
    row.version += 1
