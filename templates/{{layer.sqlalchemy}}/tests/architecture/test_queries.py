"""Rules checked in queries: only the unit of work commits (4), the tenant is named (6)."""

import ast
from collections.abc import Iterator

from app import modules
from app.core.models import Base
from tests.architecture.source import (
    SOURCE,
    File,
    assert_no_violations,
    domain_files,
    files,
    name_of,
)

modules.load("models")

UNIT_OF_WORK = SOURCE / "core" / "db" / "unit_of_work.py"
TENANT_MODELS = {
    mapper.class_.__name__
    for mapper in Base.registry.mappers
    if mapper.class_.__name__ == "Organization" or "organization_id" in mapper.columns
}
QUERIES = {"select", "update", "delete", "get"}
# Queries across organizations, with what limits them instead.
ACROSS_ORGANIZATIONS = {
    "organizations.queries.list_organizations": "policy `own`: organizations of the user",
    "organizations.queries.list_organization_ids": "policy `own`: organizations of the user",
}


def test_only_the_unit_of_work_commits() -> None:
    assert_no_violations(
        (
            file.at(call)
            for file in files()
            if file.path != UNIT_OF_WORK
            for call, name in file.calls()
            if name in {"commit", "rollback"} or (name == "begin" and not call.args)
        ),
        rule=4,
        message="only the unit of work commits.",
        fix="use session.flush() to send statements, raise an error to roll back, and"
        " session.begin_nested() for a part that can fail.",
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

    assert_no_violations(
        found(),
        rule=6,
        message="every query on a tenant-owned table names the organization.",
        fix="add .where(Model.organization_id == organization_id) to the statement; add a query"
        " that must cross organizations to ACROSS_ORGANIZATIONS in this file.",
    )
    assert used == set(ACROSS_ORGANIZATIONS), (
        "Rule 6: remove exceptions without a query from ACROSS_ORGANIZATIONS in this file"
    )


def _statements(file: File) -> Iterator[tuple[str, ast.Call]]:
    """Yield each statement on a tenant-owned table, `select(...).where(...)`, with its function."""
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
    """Return whether `outer` is `inner.attribute` or `inner(...)`."""
    match outer:
        case ast.Call(func=part) | ast.Attribute(value=part):
            return part is inner
    return False


def _names_tenant(statement: ast.Call) -> bool:
    """Return whether a condition or a key uses the value `organization_id`."""
    return any(
        name_of(part) == "organization_id" and not _is_column(part)
        for call in ast.walk(statement)
        if isinstance(call, ast.Call) and name_of(call.func) in {"where", "filter_by", "get"}
        for given in (*call.args, *call.keywords)
        for part in ast.walk(given)
    )


def _is_column(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and name_of(node.value) in TENANT_MODELS
