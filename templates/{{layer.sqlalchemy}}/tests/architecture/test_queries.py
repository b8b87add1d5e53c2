"""Who commits (rule 4), and that every query on a tenant's table names the tenant (rule 6)."""

import ast
from collections.abc import Iterator

from app.core.models import Base
from app.models import register_models
from tests.architecture.source import File, demand_none, domain_files, files, name_of

register_models()

TENANT_MODELS = {
    mapper.class_.__name__
    for mapper in Base.registry.mappers
    if mapper.class_.__name__ == "Organization" or "organization_id" in mapper.columns
}
QUERIES = {"select", "update", "delete", "get"}
# Queries that go across organizations, and what holds them back instead.
ACROSS_ORGANIZATIONS = {
    "organizations.queries.list_organizations": "a user's own, by the policy `own`",
    "organizations.queries.list_organization_ids": "a user's own, by the policy `own`",
}


def test_only_the_unit_of_work_commits() -> None:
    demand_none(
        (
            file.at(call)
            for file in files()
            if (file.module, file.path.stem) != ("core", "unit_of_work")
            for call, name in file.calls()
            if name in {"commit", "rollback"} or (name == "begin" and not call.args)
        ),
        rule=4,
        says="only the unit of work commits.",
        instead="session.flush() to see what the database says, an error to roll back,"
        " session.begin_nested() for a part that may fail.",
    )


def test_queries_name_the_tenant() -> None:
    used = set()

    def found() -> Iterator[str]:
        for file in domain_files():
            for function, statement in _statements(file):
                if not _names_tenant(statement):
                    name = f"{file.module}.{file.path.stem}.{function}"
                    used.add(name)
                    if name not in ACROSS_ORGANIZATIONS:
                        yield file.at(statement)

    demand_none(
        found(),
        rule=6,
        says="every query on a tenant's table goes through the tenant's scope.",
        instead=".where(Model.organization_id == organization_id) in the statement itself."
        " What must cross organizations goes to ACROSS_ORGANIZATIONS in this file.",
    )
    assert used == set(ACROSS_ORGANIZATIONS), "Rule 6: an exception for a query that is gone"


def _statements(file: File) -> Iterator[tuple[str, ast.Call]]:
    """Yield whole statements, `select(...).where(...)`, on tenants' tables, with their function."""
    for function in ast.walk(file.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            parents = {
                child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)
            }
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and name_of(node.func) in QUERIES:
                    whole: ast.AST = node
                    while _continues(parents[whole], whole):
                        whole = parents[whole]
                    if any(name_of(part) in TENANT_MODELS for part in ast.walk(whole)):
                        assert isinstance(whole, ast.Call)
                        yield function.name, whole


def _continues(outer: ast.AST, inner: ast.AST) -> bool:
    """Tell whether `outer` is `inner.something` or `inner(...)`."""
    match outer:
        case ast.Call(func=part) | ast.Attribute(value=part):
            return part is inner
    return False


def _names_tenant(statement: ast.Call) -> bool:
    """Tell whether a condition, or a key, has the value `organization_id`."""
    return any(
        name_of(part) == "organization_id" and not _is_column(part)
        for call in ast.walk(statement)
        if isinstance(call, ast.Call) and name_of(call.func) in {"where", "filter_by", "get"}
        for given in (*call.args, *call.keywords)
        for part in ast.walk(given)
    )


def _is_column(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and name_of(node.value) in TENANT_MODELS
