"""Reads of rows: one, one under a row lock, or a page of a list.

The caller's query set is of the tenant (rule 6).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from app.core.db.pagination import read_cursor, sign_cursor
from app.core.errors import NotFound

# The fields that lists are ordered by.
_TYPES: dict[str, type] = {"UUIDField": UUID, "DateTimeField": datetime, "TextField": str}


def get_or_404[Row](rows: QuerySet[Any, Row], name: str) -> Row:
    """Return the only row; raises NotFound(name) without one."""
    row = rows.first()
    if row is None:
        raise NotFound(name)
    return row


def lock_or_404[M: Model](rows: QuerySet[M], name: str, *, no_key: bool = False) -> M:
    """Return the only row under a row lock; raises NotFound(name) without one.

    With `no_key`, concurrent transactions can insert rows that refer to it.
    """
    return get_or_404(rows.select_for_update(no_key=no_key), name)


def page[M: Model](
    rows: QuerySet[M],
    *keys: str,
    limit: int,
    cursor: str | None,
    bound_to: Mapping[str, object],
    descending: bool = False,
) -> tuple[list[M], str | None]:
    """Return a page of the rows, ordered by the fields `keys`, and the next cursor.

    The keys are together unique: a cursor must identify one row. `bound_to` identifies the list, as
    in `sign_cursor`.
    """
    if cursor is not None:
        types = [_type_of(rows.model, key) for key in keys]
        position = read_cursor(cursor, types, bound_to=bound_to)
        rows = rows.filter(_after(keys, position, descending=descending))
    rows = rows.order_by(*(f"-{key}" if descending else key for key in keys))
    found = list(rows[: limit + 1])
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], sign_cursor([getattr(last, key) for key in keys], bound_to=bound_to)


def _type_of(model: type[Model], key: str) -> type:
    field: Any = model._meta.get_field(key)
    return _TYPES[getattr(field, "target_field", field).get_internal_type()]


def _after(keys: Sequence[str], position: Sequence[object], *, descending: bool) -> Q:
    """Return the condition for rows after a position (keyset pagination).

    `a >= x` is redundant, and lets PostgreSQL start the index scan at the position.
    """
    beyond = "lt" if descending else "gt"
    first, *rest = keys
    found = Q(**{f"{first}__{beyond}": position[0]})
    if not rest:
        return found
    later = _after(rest, position[1:], descending=descending)
    return Q(**{f"{first}__{beyond}e": position[0]}) & (found | later)
