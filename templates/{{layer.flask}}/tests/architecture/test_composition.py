"""Rules checked in the composed application: jobs (7), routes (10)."""

import ast
import inspect
from collections.abc import Iterator

from werkzeug.routing import Rule

from app.core.jobs.registry import find
from app.core.web.access import declared_by
from tests.architecture.source import ROOT, assert_no_violations, files
from tests.transport import app


def routes() -> Iterator[Rule]:
    """Yield every route except /openapi.json, which APIFlask adds."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "openapi.spec":
            yield rule


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
        for rule in routes():
            view = app.view_functions[rule.endpoint]
            declared = declared_by(view)
            if len(declared) != 1:
                code = inspect.unwrap(view).__code__
                place = f"{code.co_filename}:{code.co_firstlineno}".removeprefix(f"{ROOT}/")
                yield f"{place}  {rule.rule}: {len(declared)} access declarations"

    assert_no_violations(
        found(),
        rule=10,
        message="every route has exactly one access declaration.",
        fix="below the route, use one of app.core.web.access: @require(Role...), @current_user or"
        " @public.",
    )
