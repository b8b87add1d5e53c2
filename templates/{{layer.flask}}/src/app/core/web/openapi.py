"""The OpenAPI document: APIFlask's, with what the contract adds to every operation."""

import json
import re
from typing import Any, cast

from apiflask import APIFlask
from werkzeug.routing import Rule, UUIDConverter

from app import about
from app.core.web import access, openapi_responses
from app.core.web.http import deprecation_headers
from app.core.web.parameters import header_name

_SCHEMAS = "#/components/schemas/"
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


def init_app(app: APIFlask) -> None:
    """Configure APIFlask's document, and complete it."""
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        DESCRIPTION=about.DESCRIPTION,
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        SUCCESS_DESCRIPTION="Successful Response",
        SECURITY_SCHEMES={
            "HTTPBearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "An access token, or an API key (`sk_...`)",
            }
        },
    )

    @app.spec_processor
    def complete(document: Any) -> Any:
        return _complete_document(app, document)


def describe(app: APIFlask) -> dict[str, Any]:
    """Return the document; APIFlask builds it once."""
    return cast(dict[str, Any], app.spec)


def _complete_document(app: APIFlask, document: dict[str, Any]) -> dict[str, Any]:
    # One component for a nested type, instead of one for each type that contains it.
    text = re.sub(rf'"{_SCHEMAS}\w+\.(\w+)"', rf'"{_SCHEMAS}\1"', json.dumps(document))
    document = json.loads(text)
    components = document["components"]
    components["schemas"] = {
        name.rpartition(".")[2]: schema for name, schema in components["schemas"].items()
    }
    for schema in components["schemas"].values():
        for field in schema.get("properties", {}).values():
            _drop_null_default(field)
    openapi_responses.add_problem_schemas(document)
    document.pop("tags")
    for rule in app.url_map.iter_rules():
        path = _CONVERTER.sub(r"{\1}", rule.rule)
        for method in rule.methods or ():
            operation = document["paths"].get(path, {}).get(method.lower())
            if operation is not None:
                _complete(operation, rule)
                view = app.view_functions[rule.endpoint]
                openapi_responses.describe_operation(operation, view)
                is_public = access.public in access.declared_by(view)
                if not is_public:
                    operation["security"] = [{"HTTPBearer": []}]
                if headers := deprecation_headers(view):
                    operation |= {"deprecated": True, "x-deprecation": headers}
                openapi_responses.complete_operation(
                    document, path, method, operation, is_public=is_public
                )
    openapi_responses.remove_titles([document["paths"], document["components"]])
    return document


def _complete(operation: dict[str, Any], rule: Rule) -> None:
    operation["operationId"] = rule.endpoint.rpartition(".")[2]
    if not operation["parameters"]:
        del operation["parameters"]
    for parameter in operation.get("parameters", ()):
        _complete_parameter(parameter, rule)
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    for response in operation["responses"].values():
        if not response.get("content"):
            response.pop("content", None)


def _complete_parameter(parameter: dict[str, Any], rule: Rule) -> None:
    schema = parameter["schema"]
    if isinstance(rule._converters.get(parameter["name"]), UUIDConverter):
        schema["format"] = "uuid"
    if parameter["in"] == "header":
        parameter["name"] = header_name(parameter["name"])
    if "description" in schema:
        parameter["description"] = schema["description"]
    _drop_null_default(schema)


def _drop_null_default(schema: dict[str, Any]) -> None:
    if schema.get("default", "") is None:
        del schema["default"]
