"""What import-linter cannot see, a part of a package: no web framework below routes (rule 3)."""

import ast
from collections.abc import Iterator

from tests.architecture.source import assert_no_violations, domain_files

WEB = ("django.http", "django.shortcuts", "django.urls", "django.views", "django.template")


def test_no_web_below_routes() -> None:
    def found() -> Iterator[str]:
        for file in domain_files("service", "queries", "jobs", "models", "schemas"):
            for node in ast.walk(file.tree):
                match node:
                    case ast.ImportFrom(module=str(module)):
                        names = [f"{module}.{alias.name}" for alias in node.names]
                    case ast.Import(names=aliases):
                        names = [alias.name for alias in aliases]
                    case _:
                        continue
                if any(f"{name}.".startswith(f"{web}.") for name in names for web in WEB):
                    yield file.at(node)

    assert_no_violations(
        found(),
        rule=3,
        message="no web framework below routes.",
        fix="return data or raise an error of app.core.errors; routes.py makes HTTP of it.",
    )
