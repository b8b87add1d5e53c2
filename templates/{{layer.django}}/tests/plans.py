"""Plans of queries, for tests that every look-up and list uses an index."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection, connections, transaction


def fill(sql: str, tables: Iterable[str]) -> None:
    """Insert rows as the owner of the tables, and collect statistics of them."""
    owner = connections["owner"]
    owner.ensure_connection()
    with owner.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(sql)
        cursor.execute("COMMIT")
        for table in tables:
            cursor.execute(f"ANALYZE {table}")
    owner.close()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def explain(read: Any, *settings: str) -> list[list[dict[str, Any]]]:
    """Run something, and ask how each of its queries is planned."""
    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, *arguments: Any) -> Any:
        if sql.startswith("SELECT "):
            seen.append((sql, params))
        return execute(sql, params, *arguments)

    with connection.execute_wrapper(note):
        read()
    assert seen
    plans = []
    for sql, params in seen:
        with transaction.atomic(), connection.cursor() as cursor:
            for setting in settings:
                cursor.execute(f"SET LOCAL {setting}")
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            (found,) = cursor.fetchone()
        found = json.loads(found) if isinstance(found, str) else found
        plans.append(list(_nodes(found[0]["Plan"])))
    return plans


def scanned(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
