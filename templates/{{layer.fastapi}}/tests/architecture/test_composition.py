"""Rules checked in the composed application: jobs (7), routes (10)."""

import ast
import inspect
from collections.abc import Iterator

from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from app.core.jobs.registry import find
from app.core.web.openapi import access_of
from tests.architecture.source import ROOT, assert_no_violations, files
from tests.transport import app


def routes() -> Iterator[RouteContext]:
    """Yield every route except /openapi.json, which FastAPI adds."""
    for context in iter_route_contexts(app.routes):
        if context.path != app.openapi_url:
            yield context


def test_enqueued_jobs_are_declared() -> None:
    def found() -> Iterator[str]:
        for file in files():
            for call, called in file.calls():
                if called == "enqueue" and file.module != "core":
                    match call.args:
                        case [_, ast.Constant(value=str(name))] if job := find(name):
                            given = {keyword.arg for keyword in call.keywords} - {"delay"}
                            if given != set(job.arguments.model_fields):
                                yield f"{file.at(call)}: arguments differ from those of the job"
                        case _:
                            yield f"{file.at(call)}: not the name of a declared job"

    assert_no_violations(
        found(),
        rule=7,
        message="enqueue() names a declared job: a worker cannot run another.",
        fix="call enqueue(session, <name in @job(...) of a jobs.py>, <arguments of that job>).",
    )


def test_every_route_declares_its_access() -> None:
    def found() -> Iterator[str]:
        for context in routes():
            is_api_route = isinstance(context.original_route, APIRoute)
            declared = list(access_of(context.dependant)) if is_api_route else []
            if len(declared) != 1:
                code = inspect.unwrap(context.endpoint).__code__ if context.endpoint else None
                place = f"{code.co_filename}:{code.co_firstlineno}" if code else "?"
                place = place.removeprefix(f"{ROOT}/")
                yield f"{place}  {context.path}: {len(declared)} access declarations"

    assert_no_violations(
        found(),
        rule=10,
        message="every route has exactly one access declaration.",
        fix="use one of app.core.web.access: require(Role...), CurrentUser or Depends(public).",
    )
