"""The OpenAPI document: what FastAPI derives, plus what the contract adds to every operation."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from app.core import access, problems

_DESCRIPTIONS = {
    401: "Not authenticated",
    403: "The role or scope does not allow it",
    404: "No such thing, or not visible to the caller",
    409: "Conflict with the present state",
    412: "The ETag in If-Match is not current",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "Invalid input",
    429: "Too many requests",
    503: "A dependency does not answer",
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document problems that only this operation knows of; `describe` adds the common ones."""
    return {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def access_of(dependant: Dependant) -> Iterator[object]:
    """Yield every access declaration that a route's dependencies hold."""
    for dependency in dependant.dependencies:
        if dependency.call in {access.public, access.current_user} or isinstance(
            dependency.call, access.Require
        ):
            yield dependency.call
        else:
            yield from access_of(dependency)


def _common_statuses(route: APIRoute, operation: dict[str, Any]) -> set[int]:
    if "operations" in operation.get("tags", ()):
        # Probes are not limited, and say themselves what is not ready.
        return set()
    statuses = {429, 503}
    if "parameters" in operation or "requestBody" in operation:
        statuses.add(422)
    declared = next(access_of(route.dependant), access.public)
    if declared is not access.public:
        statuses |= {401, 403}
    if "{" in route.path_format:
        statuses.add(404)
    if "requestBody" in operation:
        statuses |= {413, 415}
    headers = {item["name"].lower() for item in operation.get("parameters", [])}
    if "if-match" in headers:
        statuses.add(412)
    if "idempotency-key" in headers:
        statuses.add(409)
    return statuses


def _shared(document: dict[str, Any], status: str, response: dict[str, Any]) -> dict[str, Any]:
    """Move a problem that many operations answer with to the components, and refer to it."""
    if int(status) not in _DESCRIPTIONS or response != problem_responses(int(status))[int(status)]:
        return response
    document["components"].setdefault("responses", {})[f"Problem{status}"] = response
    return {"$ref": f"#/components/responses/Problem{status}"}


def describe(app: FastAPI) -> dict[str, Any]:
    """Build the document once."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = document["components"]["schemas"]
    for model in (problems.Problem, problems.ProblemError):
        schemas[model.__name__] = model.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
    schemas["Problem"].pop("$defs", None)
    # FastAPI's own shape of a 422, which this service never sends.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)

    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = document["paths"][context.path_format][method.lower()]
            responses = operation["responses"]
            responses.pop("422", None)
            common = problem_responses(*_common_statuses(route, operation))
            for status, response in common.items():
                responses.setdefault(str(status), response)
            if method == "GET" and context.path_format and context.path_format.startswith("/api/"):
                responses["304"] = {"description": "The caller has this version already"}
            operation["responses"] = {
                status: _shared(document, status, responses[status]) for status in sorted(responses)
            }
    app.openapi_schema = document
    return document
