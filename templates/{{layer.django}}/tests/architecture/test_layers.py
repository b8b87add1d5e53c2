"""Imports of parts of Django, which import-linter cannot see: the web (rule 3), mail (rule 7)."""

import ast
from collections.abc import Iterator

from tests.architecture.source import File, demand_none, domain_files

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
    demand_none(
        (
            file.at(node)
            for file in domain_files("service", "queries", "jobs", "models", "schemas")
            for node, name in imports_of(file)
            if any(f"{name}.".startswith(f"{web}.") for web in WEB)
        ),
        rule=3,
        says="no web framework below routes.",
        instead="return data or raise an error of app.core.errors; routes.py makes HTTP of it.",
    )


def test_only_jobs_send_mail() -> None:
    demand_none(
        (
            file.at(node)
            for file in domain_files()
            if file.path.stem != "jobs"
            for node, name in imports_of(file)
            if f"{name}.".startswith("django.core.mail.")
        ),
        rule=7,
        says="mails leave only from jobs.",
        instead="enqueue a job, and let it call app.core.mail.deliver.",
    )
