"""A database migration in a file, and the ones that it follows."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class AdoptionError(Exception):
    """The migrations cannot be put in order; the text says what to do."""


@dataclass(frozen=True)
class Parent:
    """The name of a migration that another one follows, and its place in that file."""

    name: str
    row: int
    start: int
    end: int

    @classmethod
    def find(cls, nodes: Iterable[ast.AST]) -> tuple[Self, ...]:
        """Return the strings among nodes of a syntax tree."""
        return tuple(
            cls(value, node.lineno - 1, node.col_offset, node.end_col_offset or 0)
            for node in nodes
            if isinstance(node, ast.Constant) and isinstance(value := node.value, str)
        )


@dataclass(frozen=True)
class Migration:
    path: Path
    name: str
    parents: tuple[Parent, ...]
    is_of_template: bool

    def replace_parent(self, parent: Parent, name: str) -> None:
        """Write another name of a parent to the file, also to the docstring that Alembic writes."""
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        line = lines[parent.row]
        lines[parent.row] = f'{line[: parent.start]}"{name}"{line[parent.end :]}'
        described = f"Revises: {parent.name}\n"
        lines = [f"Revises: {name}\n" if text == described else text for text in lines]
        self.path.write_text("".join(lines), encoding="utf-8")
