"""The OpenAPI document: FastAPI's, with what the contract adds to every operation."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from app.core.web import access, openapi_responses


def access_of(dependant: Dependant) -> Iterator[object]:
    """Yield the access declarations among the dependencies of a route."""
    for dependency in dependant.dependencies:
        if dependency.call in {access.public, access.current_user} or isinstance(
            dependency.call, access.Require
        ):
            yield dependency.call
        else:
            yield from access_of(dependency)


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the document; it is built by the first call."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    openapi_responses.add_problem_schemas(document)
    schemas = document["components"]["schemas"]
    # FastAPI's schema of a 422, which this service does not send.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)

    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = document["paths"][context.path_format][method.lower()]
            operation["responses"].pop("422", None)
            openapi_responses.describe_operation(operation, route.endpoint)
            declared = next(access_of(route.dependant), access.public)
            openapi_responses.complete_operation(
                document,
                context.path_format or "",
                method,
                operation,
                is_public=declared is access.public,
            )
    openapi_responses.remove_titles([document["paths"], document["components"]])
    app.openapi_schema = document
    return document
