"""Commits only in the unit of work (rule 4); queries of tenant tables use `tenant` (rule 6)."""

import ast
from collections.abc import Iterator

from django.apps import apps
from django.db.models import Model

from app.core.models import TenantManager
from tests.architecture.loaded import load
from tests.architecture.source import File, assert_no_violations, domain_files, files, name_of

load()

COMMITTING = {"commit", "rollback", "set_autocommit", "set_rollback", "commit_and_begin"}
# Ways around the tenant's manager: calls, and attributes. `objects` of a tenant's model is another.
CALLS = {"raw", "cursor", "RawSQL"}
ATTRIBUTES = {"_base_manager", "_default_manager"}
# Queries that go across organizations, and the policy that limits their rows instead.
ACROSS_ORGANIZATIONS = {
    "organizations.queries.list_organizations": "a user's own, by the policy `own`",
    "organizations.queries.list_organization_ids": "a user's own, by the policy `own`",
}


def tenant_models() -> list[type[Model]]:
    return [
        model
        for model in apps.get_models()
        if model._meta.label == "organizations.Organization"
        or "organization" in {field.name for field in model._meta.fields}
    ]


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


def test_tenant_models_have_both_managers() -> None:
    def found() -> Iterator[str]:
        for model in tenant_models():
            for manager in model._meta.managers:
                if isinstance(manager, TenantManager) != (manager.name != "objects"):
                    yield f"{model._meta.label}.{manager.name}"
            if [manager.name for manager in model._meta.managers][:2] != ["objects", "tenant"]:
                yield f"{model._meta.label}: not `objects`, then `tenant`"

    assert_no_violations(
        found(),
        rule=6,
        message="every query on a tenant's table goes through the tenant's scope.",
        fix="objects = Manager[...](), for the admin, forms and dumpdata; then"
        " tenant = TenantManager[...](), which adds the condition and fails closed.",
    )


def test_queries_name_the_tenant() -> None:
    used = set()

    def found() -> Iterator[str]:
        for file in domain_files():
            if file.path.stem == "admin":
                continue
            for function, node in _bypasses(file):
                name = f"{file.module}.{file.path.stem}.{function}"
                used.add(name)
                if name not in ACROSS_ORGANIZATIONS:
                    yield file.at(node)

    assert_no_violations(
        found(),
        rule=6,
        message="no query on a tenant's table goes around the tenant's manager.",
        fix="Model.tenant. What must cross organizations goes to ACROSS_ORGANIZATIONS in this"
        " file.",
    )
    assert used == set(ACROSS_ORGANIZATIONS), "Rule 6: an exception for a query that is gone"


def _bypasses(file: File) -> Iterator[tuple[str, ast.expr]]:
    """Yield each way around the manager, with its function."""
    tenant = {model.__name__ for model in tenant_models()}
    others = {model.__name__ for model in apps.get_models()} - tenant
    original = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    related = {
        relation.get_accessor_name()
        for model in apps.get_models()
        for relation in model._meta.related_objects
        if relation.related_model in tenant_models()
    } - {None}
    for function in ast.walk(file.tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                match node:
                    case ast.Call(func=called) if name_of(called) in CALLS:
                        yield function.name, node
                    case ast.Attribute(attr=name) if name in ATTRIBUTES | related:
                        yield function.name, node
                    case ast.Attribute(attr="objects", value=value):
                        name = name_of(value)
                        # A name that is no model's counts as a tenant's: it may hold one.
                        if original.get(name, name) not in others:
                            yield function.name, node
