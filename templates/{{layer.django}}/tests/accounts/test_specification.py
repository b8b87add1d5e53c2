from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver
from httpx2 import Client

from app import demo


def served() -> Iterator[tuple[str, str]]:
    """Yield path and method of each operation in the URL table."""
    groups: list[Any] = get_resolver("app.accounts.urls").url_patterns
    for group in groups:
        if str(group.pattern) not in {"app/v1/", "browser/v1/"}:
            continue
        for pattern in group.url_patterns:
            for method in ("get", "post", "put", "patch", "delete"):
                if hasattr(pattern.callback.view_class, method):
                    yield f"/_allauth/{{client}}/v1/{pattern.pattern}", method


def test_document_has_exactly_the_served_operations(client: Client) -> None:
    document = client.get("/_allauth/openapi.json").json()
    documented = {
        (path.replace("/app/v1/", "/{client}/v1/"), method)
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert documented == set(served())
    assert document["openapi"].startswith("3.")
    signup = document["components"]["schemas"]["BaseSignup"]
    assert set(signup["required"]) == {"email", "name"}


def test_login_example_is_the_demo_user(client: Client) -> None:
    schemas = client.get("/_allauth/openapi.json").json()["components"]["schemas"]
    assert schemas["Login"]["example"] == {"email": demo.EMAIL, "password": demo.PASSWORD}
    assert set(schemas["Signup"]["example"]) == {"email", "name", "password"}


def test_document_does_not_change(client: Client) -> None:
    first, second = (client.get("/_allauth/openapi.json").json() for _ in range(2))
    assert first == second
