"""All operations of the application, from its route table."""

import re
from dataclasses import dataclass

from app.core.web.access import declared_by
from tests.transport import app


@dataclass(frozen=True)
class Operation:
    """One method of a route, with its access declarations."""

    method: str
    path: str
    parameters: tuple[str, ...]
    access: tuple[object, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def every_operation() -> list[Operation]:
    """List all operations except HEAD."""
    return [
        Operation(
            method,
            re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule),
            tuple(rule.arguments),
            declared_by(app.view_functions[rule.endpoint]),
        )
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "openapi.spec"
        for method in sorted((rule.methods or set()) - {"HEAD"})
    ]


def other_paths() -> set[str]:
    """Return the paths that the framework has added."""
    known = {operation.path for operation in every_operation()}
    return {
        rule.rule
        for rule in app.url_map.iter_rules()
        if re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) not in known
    }
