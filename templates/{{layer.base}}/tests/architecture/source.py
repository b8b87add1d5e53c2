"""The service's source, as the checks read it."""

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
    """A Python file of the service: `src/app/projects/service.py` is `service` of `projects`."""

    path: Path
    tree: ast.Module

    @property
    def module(self) -> str:
        """The module it belongs to; empty for the composition root's own files."""
        parts = self.path.relative_to(SOURCE).parts
        return parts[0] if len(parts) > 1 else ""

    @property
    def kind(self) -> str:
        """Its role in the module: `service` for `service.py` and for each file of `service/`."""
        parts = self.path.relative_to(SOURCE).parts
        return parts[1].removesuffix(".py") if len(parts) > 1 else ""

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Yield every call, with the last part of what is called: `commit` for `a.b.commit()`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, name_of(node.func)

    def at(self, node: ast.expr | ast.stmt) -> str:
        """Show a place and what stands there."""
        text = ast.unparse(node).partition("\n")[0]
        return f"{self.path.relative_to(ROOT)}:{node.lineno}  {text[:80]}"


@cache
def files() -> tuple[File, ...]:
    """Parse all files of the service."""
    return tuple(File(path, ast.parse(path.read_text())) for path in sorted(SOURCE.rglob("*.py")))


def domain_files(*kinds: str) -> list[File]:
    """Return the files of the domain's modules, all of them or those of some kinds."""
    return [
        file
        for file in files()
        if file.module not in {"", "core"} and (not kinds or file.kind in kinds)
    ]


def name_of(node: ast.AST) -> str:
    """Return a variable's name, or an attribute's: `hash` for `key.hash`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def demand_none(found: Iterable[str], *, rule: int, says: str, instead: str) -> None:
    """Fail, with the rule's number, where something was found that breaks it."""
    if places := "".join(f"\n  {place}" for place in found):
        pytest.fail(f"Rule {rule}: {says}{places}\nInstead: {instead}", pytrace=False)
