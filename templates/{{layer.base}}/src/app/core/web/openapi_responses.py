"""Completes the OpenAPI document that a framework has generated: responses, texts, titles."""

from inspect import cleandoc
from typing import Any

from app.core.web import problems

_DESCRIPTIONS = {
    401: "Not authenticated",
    403: "The role or scope does not allow it",
    404: "The resource does not exist or is not visible to the caller",
    409: "Conflict with the current state",
    412: "If-Match is not the current ETag",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "Invalid input",
    429: "Too many requests",
    503: "A dependency does not respond",
}
_PLACES = ("path", "query", "header", "cookie")


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document problems of one operation; `complete_operation` adds the common ones."""
    return {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def empty_answer(status: int = 204) -> dict[int | str, dict[str, Any]]:
    """Document a response without a body."""
    return {status: {"description": "Successful Response"}}


def add_problem_schemas(document: dict[str, Any]) -> None:
    """Add the schema of problem details to the components."""
    problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"] |= problem.pop("$defs") | {"Problem": problem}


def remove_titles(node: Any) -> None:
    """Remove Pydantic's titles in place: they repeat the names, also in generated clients."""
    if isinstance(node, list):
        for item in node:
            remove_titles(item)
    elif isinstance(node, dict):
        # A property that is named "title" has a schema, not a string.
        if isinstance(node.get("title"), str):
            del node["title"]
        for key, value in node.items():
            if key != "examples":
                remove_titles(value)


def describe_operation(operation: dict[str, Any], view: object) -> None:
    """Make the first line of the view's docstring the summary, and the rest the description."""
    if not view.__doc__:
        return
    summary, _, description = cleandoc(view.__doc__).partition("\n")
    operation["summary"] = summary.removesuffix(".")
    if description:
        operation["description"] = description.strip()
    else:
        operation.pop("description", None)


def complete_operation(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any], *, is_public: bool
) -> None:
    """Add the common responses; sort responses and parameters."""
    responses = operation["responses"]
    for status, response in problem_responses(
        *_common_statuses(path, operation, is_public=is_public)
    ).items():
        responses.setdefault(str(status), response)
    if method == "GET" and path.startswith("/api/"):
        responses["304"] = {"description": "The resource has not changed"}
    if "parameters" in operation:
        operation["parameters"].sort(
            key=lambda item: (_PLACES.index(item["in"]), path.find(f"{{{item['name']}}}"))
        )
    operation["responses"] = {
        status: _shared(document, status, responses[status]) for status in sorted(responses)
    }


def _common_statuses(path: str, operation: dict[str, Any], *, is_public: bool) -> set[int]:
    if "operations" in operation.get("tags", ()):
        # The health endpoints have no rate limit, and declare their own 503.
        return set()
    statuses = {429, 503}
    if "parameters" in operation or "requestBody" in operation:
        statuses.add(422)
    if not is_public:
        statuses |= {401, 403}
    if "{" in path:
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
    """Move a common problem response to the components, and return a reference to it."""
    if int(status) not in _DESCRIPTIONS or response != problem_responses(int(status))[int(status)]:
        return response
    document["components"].setdefault("responses", {})[f"Problem{status}"] = response
    return {"$ref": f"#/components/responses/Problem{status}"}
