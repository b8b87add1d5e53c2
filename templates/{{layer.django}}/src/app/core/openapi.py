"""The OpenAPI document: what Ninja derives, plus what the contract adds to every operation."""

import re
from collections.abc import Iterator
from typing import Any

from ninja import NinjaAPI
from ninja.operation import Operation

_CONVERTER = re.compile(r"\{\w+:")


def operations(api: NinjaAPI) -> Iterator[tuple[str, Operation]]:
    """Yield every operation with its path, as the document writes it."""
    for router in api._get_bound_routers():
        for path, view in router.path_operations.items():
            full = "/" + "/".join(part.strip("/") for part in (router.prefix, path) if part)
            for operation in view.operations:
                yield _CONVERTER.sub("{", full), operation


def describe(api: NinjaAPI) -> dict[str, Any]:
    """Build the document."""
    document: dict[str, Any] = dict(api.get_openapi_schema(path_prefix=""))
    return document
