"""Who commits (rule 4), and that every query on a tenant's table keeps to the tenant (rule 6)."""

import ast
from collections.abc import Iterator

from django.apps import apps

from app.core.models import TenantManager
from tests.architecture.loaded import load
from tests.architecture.source import File, assert_no_violations, domain_files, files, name_of

load()

COMMITTING = {"commit", "rollback", "set_autocommit", "set_rollback", "commit_and_go_on"}
# What goes around the tenant's manager.
AROUND = {"across", "raw", "cursor", "RawSQL"}
# Queries that go across organizations, and what holds them back instead.
ACROSS_ORGANIZATIONS = {
    "organizations.queries.list_organizations": "a user's own, by the policy `own`",
    "organizations.queries.list_organization_ids": "a user's own, by the policy `own`",
}


def test_only_the_unit_of_work_commits() -> None:
    assert_no_violations(
        (
            file.at(call)
            for file in files()
            if file.module != "core"
            for call, name in file.calls()
            if name in COMMITTING
            or (name == "atomic" and any(keyword.arg == "durable" for keyword in call.keywords))
        ),
        rule=4,
        message="only the unit of work commits.",
        fix="an error to roll back, transaction.atomic() for a part that may fail.",
    )


def test_tenants_models_keep_to_the_tenant() -> None:
    assert_no_violations(
        (
            f"{model._meta.label}.{manager.name}"
            for model in apps.get_models()
            if model._meta.label == "organizations.Organization"
            or "organization" in {field.name for field in model._meta.fields}
            for manager in model._meta.managers
            if not isinstance(manager, TenantManager)
        ),
        rule=6,
        message="every query on a tenant's table goes through the tenant's scope.",
        fix="objects = TenantManager[...](), which adds the condition and fails closed.",
    )


def test_queries_name_the_tenant() -> None:
    used = set()

    def found() -> Iterator[str]:
        for file in domain_files("service", "queries", "jobs", "routes"):
            for function, node in _around(file):
                name = f"{file.module}.{file.path.stem}.{function}"
                used.add(name)
                if name not in ACROSS_ORGANIZATIONS:
                    yield file.at(node)

    assert_no_violations(
        found(),
        rule=6,
        message="no query on a tenant's table goes around the tenant's manager.",
        fix="Model.objects. What must cross organizations goes to ACROSS_ORGANIZATIONS in this"
        " file.",
    )
    assert used == set(ACROSS_ORGANIZATIONS), "Rule 6: an exception for a query that is gone"


def _around(file: File) -> Iterator[tuple[str, ast.expr]]:
    """Yield what goes around the manager, with its function."""
    for function in ast.walk(file.tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                match node:
                    case ast.Call(func=called) if name_of(called) in AROUND:
                        yield function.name, node
                    case ast.Attribute(attr="_base_manager"):
                        yield function.name, node
