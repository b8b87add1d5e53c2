"""All operations of the application, from its route table."""

from dataclasses import dataclass

from fastapi.routing import APIRoute, iter_route_contexts

from app.core.web.http import UnitOfWorkRoute
from app.core.web.openapi import access_of
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
    """List all operations, and assert that those below /api/ run in a unit of work."""
    found = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and context.path is not None:
            in_unit_of_work = isinstance(route, UnitOfWorkRoute)
            assert in_unit_of_work or not context.path.startswith("/api/"), (
                f"{context.path}: expected route_class=UnitOfWorkRoute on its router"
            )
            found += [
                Operation(
                    method,
                    context.path,
                    tuple(route.param_convertors),
                    tuple(access_of(context.dependant)),
                )
                for method in sorted(context.methods or ())
            ]
    return found


def other_paths() -> set[str | None]:
    """Return the paths that the framework has added."""
    return {
        context.path
        for context in iter_route_contexts(app.routes)
        if not isinstance(context.original_route, APIRoute)
    }
