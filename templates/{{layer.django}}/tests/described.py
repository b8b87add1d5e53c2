"""Compares responses with the OpenAPI document."""

from functools import cache
from typing import Any

from httpx2 import Request, Response
from jsonschema_rs import Draft202012Validator

from app.config.api import api

# Not described: of every path, and faults of the service.
UNDESCRIBED = {405, 500}


def check(request: Request, response: Response) -> None:
    """Fail when the document lacks the status, the media type, or a field of the body."""
    path, method = request.url.path, request.method.lower().replace("head", "get")
    operation = api.document["paths"].get(path, {}).get(method)
    if operation is None or response.status_code in UNDESCRIBED:
        return
    name = f"{request.method} {path} -> {response.status_code}"
    described = operation["responses"].get(str(response.status_code))
    assert described, f"{name} is not described in openapi.json"
    if "$ref" in described:
        described = api.document["components"]["responses"][described["$ref"].rpartition("/")[2]]
    media_type = response.headers.get("Content-Type", "")
    if not response.content:
        return
    assert media_type in described["content"], f"{name} has the media type {media_type!r}"
    schema = described["content"][media_type]["schema"]["$ref"]
    errors = [
        f"{error.instance_path}: {error.message}"
        for error in _validator(schema).iter_errors(response.json())
    ]
    assert not errors, f"{name} is not a {schema.rpartition('/')[2]}: {errors}"


@cache
def _validator(schema: str) -> Draft202012Validator:
    components = {"schemas": _closed(api.document["components"]["schemas"])}
    return Draft202012Validator({"$ref": schema, "components": components}, validate_formats=True)


def _closed(schemas: dict[str, Any]) -> dict[str, Any]:
    """Refuse additional properties, which the document allows, to find those it does not have."""
    return {
        name: schema | {"additionalProperties": False} if "properties" in schema else schema
        for name, schema in schemas.items()
    }
