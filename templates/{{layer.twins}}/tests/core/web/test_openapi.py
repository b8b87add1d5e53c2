import json
from collections.abc import Iterator
from typing import Any

from httpx2 import Client

from app.core.schemas import Input
from app.core.web.problems import ProblemType

REFERENCE = "#/components/schemas/"


def _document(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for methods in document["paths"].values() for item in methods.values()]


def _subclasses(model: type[Input]) -> Iterator[type[Input]]:
    for child in model.__subclasses__():
        yield child
        yield from _subclasses(child)


def test_each_request_body_has_an_example_that_its_schema_accepts(
    client: Client,
) -> None:
    document = _document(client)
    models = {model.__name__: model for model in _subclasses(Input)}
    names = {
        item["requestBody"]["content"]["application/json"]["schema"]["$ref"].removeprefix(REFERENCE)
        for item in _operations(document)
        if "requestBody" in item
    }
    assert names
    for name in names:
        examples = document["components"]["schemas"][name].get("examples")
        assert examples, f'add json_schema_extra={{"examples": ...}} to the model_config of {name}'
        for example in examples:
            models[name].model_validate_json(json.dumps(example))


def test_summaries_are_more_than_the_name_of_the_operation(client: Client) -> None:
    for operation in _operations(_document(client)):
        summary, name = operation["summary"], operation["operationId"]
        assert summary != name.replace("_", " ").title(), f"add a docstring to {name}"
        assert not summary.endswith("."), name


def test_type_of_a_problem_is_an_enumeration(client: Client) -> None:
    schemas = (_document(client))["components"]["schemas"]
    assert schemas["Problem"]["properties"]["type"] == {"$ref": f"{REFERENCE}ProblemType"}
    assert schemas["ProblemType"]["enum"] == list(ProblemType)
