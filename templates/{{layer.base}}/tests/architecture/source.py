"""The parsed source of the service, for the architecture tests."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "app"


@dataclass(frozen=True, eq=False)
class File:
    """A Python file below src/app."""

    path: Path
    tree: ast.Module

    @property
    def module(self) -> str:
        """The first package below `app`, such as `projects`; empty for `app/main.py`."""
        parts = self.path.relative_to(SOURCE).parts
        return parts[0] if len(parts) > 1 else ""

    @property
    def kind(self) -> str:
        """Its role in the module: `service` for `service.py` and for each file of `service/`."""
        parts = self.path.relative_to(SOURCE).parts
        return parts[1].removesuffix(".py") if len(parts) > 1 else ""

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Yield every call with the name of its function: `commit` for `a.b.commit()`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, name_of(node.func)

    def at(self, node: ast.expr | ast.stmt) -> str:
        """Return `path:line  code` for a node."""
        text = ast.unparse(node).partition("\n")[0]
        return f"{self.path.relative_to(ROOT)}:{node.lineno}  {text[:80]}"


@cache
def files() -> tuple[File, ...]:
    return tuple(File(path, ast.parse(path.read_text())) for path in sorted(SOURCE.rglob("*.py")))


def domain_files(*kinds: str) -> list[File]:
    """Return the files of the domain modules; with kinds such as `service`, only these."""
    return [
        file
        for file in files()
        if file.module not in {"", "core"} and (not kinds or file.kind in kinds)
    ]


def name_of(node: ast.AST) -> str:
    """Return the name of a variable or attribute: `hash` for `key.hash`; else an empty string."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def assert_no_violations(found: Iterable[str], *, rule: int, message: str, fix: str) -> None:
    """Fail with the rule, its violations (`path:line  code`) and the fix, if there are any."""
    if places := "".join(f"\n  {place}" for place in found):
        pytest.fail(f"Rule {rule}: {message}{places}\nFix: {fix}", pytrace=False)
