"""The description of allauth's operations. tests/described.py checks each response in the tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import get_resolver
from httpx2 import Client, Request, Response

from app import demo
from app.config.api import api
from tests import described


def served() -> Iterator[tuple[str, str]]:
    """Yield path and method of each operation in the URL table."""
    groups: list[Any] = get_resolver("app.accounts.urls").url_patterns
    for group in groups:
        for pattern in group.url_patterns:
            for method in ("get", "post", "put", "patch", "delete"):
                if hasattr(pattern.callback.view_class, method):
                    yield f"/_allauth/{group.pattern}{pattern.pattern}", method


def test_document_has_exactly_the_served_operations() -> None:
    documented = {
        (path, method)
        for path, operations in api.document["paths"].items()
        if path.startswith("/_allauth/")
        for method in operations
    }
    assert documented == set(served())


def test_api_comes_before_the_operations_of_allauth() -> None:
    is_allauth = [path.startswith("/_allauth/") for path in api.document["paths"]]
    assert is_allauth == sorted(is_allauth)


def test_operation_ids_are_unique() -> None:
    ids = [
        operation["operationId"]
        for operations in api.document["paths"].values()
        for operation in operations.values()
    ]
    assert len(ids) == len(set(ids))


def test_login_example_is_the_demo_user() -> None:
    schemas = api.document["components"]["schemas"]
    (example,) = schemas["Credentials"]["examples"]
    assert example == {"email": demo.EMAIL, "password": demo.PASSWORD}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (418, {}),
        (200, {"status": 200}),
        (200, {"status": 401, "data": {"flows": []}, "meta": {"is_authenticated": False}}),
        (401, {"status": 401, "data": {"flows": []}, "meta": {"is_authenticated": False, "x": 1}}),
    ],
)
def test_undescribed_response_is_found(status: int, body: object) -> None:
    request = Request("POST", "http://test/_allauth/app/v1/auth/login")
    response = Response(status, headers={"Content-Type": "application/json"}, json=body)
    with pytest.raises(AssertionError, match="auth/login"):
        described.check(request, response)


@pytest.mark.parametrize("body", ["[]", "1", "null", '"text"'])
def test_body_that_is_not_an_object_is_refused(client: Client, body: str) -> None:
    answer = client.post(
        "/_allauth/app/v1/auth/login",
        headers={"Content-Type": "application/json"},
        content=body,
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "dict_type"
