"""What is put together: modules (rule 2), jobs (rule 7), routes (rule 10)."""

import ast
import inspect
from collections.abc import Iterator

from fastapi.routing import APIRoute, iter_route_contexts

from app import models, registry
from app.core.openapi import access_of
from app.core.registry import find
from app.main import app
from tests.architecture.source import SOURCE, demand_none, files


def routes() -> Iterator[tuple[str, APIRoute | None]]:
    """Yield every route with its path; None for what no access can be declared for."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if context.path_format != app.openapi_url:
            yield str(context.path_format), route if isinstance(route, APIRoute) else None


def test_every_module_is_registered() -> None:
    served = {route.endpoint.__module__ for _, route in routes() if route}
    known = {
        "models": {"core", *models.MODULES},
        "jobs": set(registry.MODULES),
        "routes": {name.split(".")[1] for name in served},
    }
    demand_none(
        (
            f"src/app/{path.parent.name}/{path.name}"
            for kind, modules in known.items()
            for path in sorted(SOURCE.glob(f"*/{kind}.py"))
            if path.parent.name not in modules
        ),
        rule=2,
        says="the composition root knows every module.",
        instead="name the module in app/models.py (models), app/registry.py (jobs) or"
        " app/main.py (routes).",
    )


def test_what_is_enqueued_is_a_job() -> None:
    def found() -> Iterator[str]:
        for file in files():
            for call, called in file.calls():
                if called == "enqueue" and file.module != "core":
                    match call.args:
                        case [_, ast.Constant(value=str(name))] if job := find(name):
                            given = {keyword.arg for keyword in call.keywords} - {"delay"}
                            if given != set(job.arguments.model_fields):
                                yield f"{file.at(call)}: other arguments than the job has"
                        case _:
                            yield f"{file.at(call)}: not the name of a job"

    demand_none(
        found(),
        rule=7,
        says="what is put into the outbox is a job, or no worker can run it.",
        instead="enqueue(session, <name in @job(...) of a module's jobs.py>, <its arguments>).",
    )


def test_every_route_declares_who_may_call_it() -> None:
    def found() -> Iterator[str]:
        for path, route in routes():
            declared = len(list(access_of(route.dependant))) if route else 0
            if declared != 1:
                yield f"{_place(route) if route else '?'}  {path}: {declared} declarations"

    demand_none(
        found(),
        rule=10,
        says="every route has exactly one explicit authorisation.",
        instead="one of app.core.access: require(Role...), CurrentUser, or Depends(public).",
    )


def _place(route: APIRoute) -> str:
    code = inspect.unwrap(route.endpoint).__code__
    return f"src/app{code.co_filename.rpartition('/app')[2]}:{code.co_firstlineno}"
