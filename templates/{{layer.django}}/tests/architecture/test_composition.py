"""What is put together: jobs (rule 7), routes (rule 10)."""

import ast
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.core.jobs import registry
from tests.architecture.loaded import load
from tests.architecture.source import ROOT, assert_no_violations, files

if TYPE_CHECKING:
    from ninja.operation import Operation

load()


def operations() -> "Iterator[tuple[str, Operation]]":
    from app.config.api import api
    from app.core.web import openapi

    return openapi.operations(api)


def test_enqueued_jobs_are_declared() -> None:
    def found() -> Iterator[str]:
        for file in files():
            for call, called in file.calls():
                if called == "enqueue" and file.module != "core":
                    match call.args:
                        case [ast.Constant(value=str(name))] if job := registry.find(name):
                            given = {keyword.arg for keyword in call.keywords} - {"delay"}
                            if given != set(job.arguments.model_fields):
                                yield f"{file.at(call)}: other arguments than the job has"
                        case _:
                            yield f"{file.at(call)}: not the name of a job"

    assert_no_violations(
        found(),
        rule=7,
        message="what is put into the outbox is a job, or no worker can run it.",
        fix="enqueue(<name in @job(...) of a module's jobs.py>, <its arguments>).",
    )


def test_every_route_declares_its_access() -> None:
    from app.core.web import access

    def is_declaration(callback: object) -> bool:
        return callback in {access.public, access.current_user} or isinstance(
            callback, access.Require
        )

    def found() -> Iterator[str]:
        for path, operation in operations():
            declared = list(operation.auth_callbacks)
            if len(declared) != 1 or not is_declaration(declared[0]):
                code = inspect.unwrap(operation.view_func).__code__
                place = f"{code.co_filename}:{code.co_firstlineno}".removeprefix(f"{ROOT}/")
                yield f"{place}  {path}: {len(declared)} of them"

    assert_no_violations(
        found(),
        rule=10,
        message="every route has exactly one explicit authorisation.",
        fix="auth= with one of app.core.web.access: require(Role...), current_user or public.",
    )
