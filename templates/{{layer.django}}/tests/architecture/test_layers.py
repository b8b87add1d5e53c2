"""Imports of parts of Django, which import-linter cannot see: the web (rule 3), mail (rule 7)."""

import ast
from collections.abc import Iterator

from tests.architecture.source import File, assert_no_violations, domain_files

WEB = ("django.http", "django.shortcuts", "django.urls", "django.views", "django.template")


def imports_of(file: File) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every import, with the full name of what is imported."""
    for node in ast.walk(file.tree):
        match node:
            case ast.ImportFrom(module=str(module)):
                for alias in node.names:
                    yield node, f"{module}.{alias.name}"
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield node, alias.name


def test_no_web_below_routes() -> None:
    assert_no_violations(
        (
            file.at(node)
            for file in domain_files("service", "queries", "jobs", "models", "schemas")
            for node, name in imports_of(file)
            if any(f"{name}.".startswith(f"{web}.") for web in WEB)
        ),
        rule=3,
        message="no web framework below routes.",
        fix="return data or raise an error of app.core.errors; routes.py makes HTTP of it.",
    )


def test_only_jobs_send_mail() -> None:
    assert_no_violations(
        (
            file.at(node)
            for file in domain_files()
            if file.path.stem != "jobs"
            for node, name in imports_of(file)
            if f"{name}.".startswith("django.core.mail.")
        ),
        rule=7,
        message="mails leave only from jobs.",
        fix="enqueue a job, and let it call app.core.mail.deliver.",
    )
