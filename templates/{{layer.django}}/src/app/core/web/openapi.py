"""The OpenAPI document: Ninja's, with the error responses and security of the contract."""

import json
import re
from collections.abc import Iterator
from http.client import responses
from typing import Any

from ninja import NinjaAPI
from ninja.operation import Operation

from app.core.web import access, openapi_responses

_SCHEMAS = "#/components/schemas/"
_REFERENCE = re.compile(f'"{_SCHEMAS}(\\w+)"')
_CONVERTER = re.compile(r"\{\w+:")


def operations(api: NinjaAPI) -> Iterator[tuple[str, Operation]]:
    """Yield every operation with its path template."""
    for router in api._get_bound_routers():
        for path, view in router.path_operations.items():
            full = "/" + "/".join(part.strip("/") for part in (router.prefix, path) if part)
            for operation in view.operations:
                yield _CONVERTER.sub("{", full), operation


def complete(api: NinjaAPI, derived: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = _simplified(derived)
    del document["servers"]
    document["components"]["securitySchemes"] = {
        "HTTPBearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token, or an API key (`sk_...`)",
        }
    }
    openapi_responses.add_problem_schemas(document)
    for path, operation in operations(api):
        if not operation.include_in_schema:
            continue
        for method in operation.methods:
            described = document["paths"][path][method.lower()]
            is_public = access.public in operation.auth_callbacks
            _complete(described, operation)
            openapi_responses.describe_operation(described, operation.view_func)
            if headers := getattr(operation.view_func, "deprecation", None):
                described |= {"deprecated": True, "x-deprecation": headers}
            if not is_public:
                described["security"] = [{"HTTPBearer": []}]
            openapi_responses.complete_operation(
                document, path, method, described, is_public=is_public
            )
    _drop_unused(document)
    openapi_responses.remove_titles([document["paths"], document["components"]])
    return document


def _simplified(node: Any) -> Any:
    """Replace `allOf` with one item, and inlined enumerations, by a plain `$ref`."""
    if isinstance(node, list):
        return [_simplified(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {str(key): _simplified(value) for key, value in node.items()}
    match found.get("allOf"):
        case [{"$ref": reference}]:
            del found["allOf"]
            found["$ref"] = reference
        case [{"enum": _, "title": title}]:
            del found["allOf"]
            found["$ref"] = f"{_SCHEMAS}{title}"
        case [{"enum": _} as enumeration]:
            del found["allOf"]
            found |= enumeration
    return found


def _complete(described: dict[str, Any], operation: Operation) -> None:
    described["operationId"] = operation.view_func.__name__
    for status in operation.response_models:
        response = described["responses"][str(status)]
        if response["description"] == responses.get(status):
            response["description"] = "Successful Response"
    if not described["parameters"]:
        del described["parameters"]
    for parameter in described.get("parameters", ()):
        schema = parameter["schema"]
        if schema.get("default", "") is None:
            del schema["default"]


def _drop_unused(document: dict[str, Any]) -> None:
    """Remove unused schemas: those of parameter models, which are inlined."""
    schemas = document["components"]["schemas"]
    used = set(_REFERENCE.findall(json.dumps(document)))
    while unused := set(schemas) - used:
        for name in unused:
            del schemas[name]
        used = set(_REFERENCE.findall(json.dumps(document)))
