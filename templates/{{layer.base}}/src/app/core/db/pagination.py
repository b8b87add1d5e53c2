"""Keyset pagination: signed, opaque cursors. A cursor is valid for one list only."""

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from app.core import crypto
from app.core.errors import Invalid

_MAC_BYTES = 16


def sign_cursor(position: Sequence[object], *, bound_to: Mapping[str, object]) -> str:
    """Return the cursor of the last row of a page.

    `position` holds the values of the sort keys, the unique one last. `bound_to` identifies the
    list: organization, sort order and filters. Any other list would skip or repeat rows, so it
    rejects the cursor.
    """
    payload = to_json(list(position))
    return crypto.to_base64url(_mac(payload, bound_to) + payload)


def read_cursor(
    cursor: str, types: Sequence[type], *, bound_to: Mapping[str, object]
) -> tuple[Any, ...]:
    """Return the position; `types` are those of the sort keys. Raises Invalid."""
    try:
        raw = crypto.from_base64url(cursor)
        claimed, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(claimed, _mac(payload, bound_to)):
            raise ValueError("not signed here for this list")
        values = zip(types, from_json(payload), strict=True)
        return tuple(TypeAdapter(type_).validate_python(value) for type_, value in values)
    except (ValueError, ValidationError) as error:
        raise Invalid(
            pointer="cursor", code="invalid_cursor", detail="The cursor is not one of this list."
        ) from error


def _mac(payload: bytes, bound_to: Mapping[str, object]) -> bytes:
    binding = json.dumps(bound_to, sort_keys=True, default=str).encode()
    # The length separates the parts: bytes cannot move from the payload to the binding.
    message = len(binding).to_bytes(4) + binding + payload
    return crypto.mac("cursor", message)[:_MAC_BYTES]
