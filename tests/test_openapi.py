"""The frameworks have equal OpenAPI paths, schemas and `just` commands.

Exception: in Django most account operations belong to django-allauth, at the end of the document.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from variants import Render, default_variant, every_variant, values

ACCOUNTS = "accounts"
ALLAUTH = "/_allauth/"


@pytest.fixture(scope="module")
def services(render: Render) -> dict[str, Path]:
    """Return one service per framework, with equal other answers."""
    first = default_variant().answers
    return {
        variant.answers["framework"]: render(variant)
        for variant in every_variant()
        if variant.answers | {"framework": ""} == first | {"framework": ""}
    }


def document(service: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((service / "openapi.json").read_text())
    return read


def operations(service: Path) -> dict[tuple[str, str], Any]:
    return {
        (path, method): operation
        for path, methods in document(service)["paths"].items()
        for method, operation in methods.items()
    }


@pytest.mark.parametrize("framework", values("framework"))
def test_operations_are_equal(services: dict[str, Path], framework: str) -> None:
    ours, fastapis = operations(services[framework]), operations(services["fastapi"])
    others = {name for name, operation in fastapis.items() if operation["tags"] != [ACCOUNTS]}
    assert others
    assert {name: ours.get(name) for name in others} == {name: fastapis[name] for name in others}
    assert {name for name in ours if not name[0].startswith(ALLAUTH)} <= set(fastapis)
    if framework != "django":
        assert ours == fastapis


@pytest.mark.parametrize("framework", values("framework"))
def test_schemas_are_equal(services: dict[str, Path], framework: str) -> None:
    ours, fastapis = document(services[framework]), document(services["fastapi"])
    ours_by_name, fastapis_by_name = (
        ours["components"]["schemas"],
        fastapis["components"]["schemas"],
    )
    shared = set(ours_by_name) & set(fastapis_by_name)
    assert {name: ours_by_name[name] for name in shared} == {
        name: fastapis_by_name[name] for name in shared
    }
    if framework != "django":
        assert shared == set(ours_by_name) == set(fastapis_by_name)
    for part in ("openapi", "info"):
        assert ours[part] == fastapis[part]
    assert ours["components"]["securitySchemes"] == fastapis["components"]["securitySchemes"]


def test_operations_of_allauth_come_last(services: dict[str, Path]) -> None:
    is_allauth = [path.startswith(ALLAUTH) for path in document(services["django"])["paths"]]
    assert any(is_allauth)
    assert is_allauth == sorted(is_allauth)


@pytest.mark.parametrize("framework", values("framework"))
def test_descriptions_do_not_repeat_names(services: dict[str, Path], framework: str) -> None:
    for name, schema in document(services[framework])["components"]["schemas"].items():
        assert "title" not in schema
        for field, described in schema.get("properties", {}).items():
            assert "title" not in described, f"{name}.{field}"
            words = field.replace("_", " ").lower()
            assert described.get("description", "").lower() not in {words, f"the {words}"}


def test_justfiles_are_equal(services: dict[str, Path]) -> None:
    assert len({(service / "justfile").read_text() for service in services.values()}) == 1
