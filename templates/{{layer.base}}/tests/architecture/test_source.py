"""Rules checked in the source: modules (2), no HTTP in services (3), secrets (11)."""

import ast
import inspect
import re
from collections.abc import Iterator

from pydantic import BaseModel

from app import settings
from app.modules import MODULES
from tests.architecture.source import SOURCE, assert_no_violations, domain_files, files, name_of

# Names of secret values. A password hash is compared by its library.
SECRET = re.compile(r"(^|_)(token|secret|password|signature|digest|cookie|api_key|hash)$", re.I)
NOT_SECRET = {"password_hash"}
# Packages of `app` that are no modules.
OTHER_PACKAGES = {"core", "config"}
LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def is_secret(name: str) -> bool:
    return SECRET.search(name) is not None and name not in NOT_SECRET


def test_every_module_is_listed() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")} - OTHER_PACKAGES
    assert_no_violations(
        (f"src/app/{name}/" for name in sorted(packages - set(MODULES))),
        rule=2,
        message="src/app/modules.py lists every module: others have no routes, models and jobs.",
        fix="add its name to MODULES.",
    )


def test_services_use_no_http_status() -> None:
    def found() -> Iterator[str]:
        for file in domain_files("service", "queries", "jobs", "rules", "mails"):
            for node in ast.walk(file.tree):
                match node:
                    case ast.Name(id="HTTPException" | "HTTPStatus" | "status_code"):
                        yield file.at(node)
                    case ast.Attribute(attr="status_code"):
                        yield file.at(node)
                    case ast.Call(keywords=keywords) if any(
                        keyword.arg == "status_code"
                        or (
                            "status" in (keyword.arg or "")
                            and isinstance(keyword.value, ast.Constant)
                            and isinstance(keyword.value.value, int)
                        )
                        for keyword in keywords
                    ):
                        yield file.at(node)

    assert_no_violations(
        found(),
        rule=3,
        message="services, queries, jobs, rules and mails use no HTTP status.",
        fix="raise an error of app.core.errors; app.core.web.problems maps it to a status.",
    )


def test_secrets_are_compared_in_constant_time() -> None:
    def found() -> Iterator[str]:
        for file in files():
            for node in ast.walk(file.tree):
                if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                    sides = [node.left, node.comparators[0]]
                    if any(is_secret(name_of(side)) for side in sides) and not any(
                        isinstance(side, ast.Constant) or _is_column(side) for side in sides
                    ):
                        yield file.at(node)

    assert_no_violations(
        found(),
        rule=11,
        message="secrets are compared in constant time.",
        fix="use hmac.compare_digest, or look up the hash in the database.",
    )


def _is_column(node: ast.expr) -> bool:
    """Return whether it is a column, compared by the database: `RefreshToken.token_hash`."""
    return isinstance(node, ast.Attribute) and name_of(node.value)[:1].isupper()


def test_secrets_are_not_logged() -> None:
    def found() -> Iterator[str]:
        for file in files():
            for call, name in file.calls():
                if name in LOGGING and "log" in ast.unparse(call.func):
                    parts = [
                        part for given in (*call.args, *call.keywords) for part in ast.walk(given)
                    ]
                    named = {name_of(part) for part in parts} | {
                        key.value
                        for part in parts
                        if isinstance(part, ast.Dict)
                        for key in part.keys
                        if isinstance(key, ast.Constant)
                    }
                    if any(is_secret(str(name)) for name in named):
                        yield file.at(call)

    assert_no_violations(
        found(),
        rule=11,
        message="secrets are never logged.",
        fix="log the id of the row instead.",
    )


def test_secret_settings_are_hidden() -> None:
    classes = [item for _, item in inspect.getmembers(settings, inspect.isclass)]
    assert_no_violations(
        (
            f"src/app/settings.py  {item.__name__}.{name}"
            for item in classes
            if issubclass(item, BaseModel) and item.__module__ == settings.__name__
            for name, field in item.model_fields.items()
            if re.search(r"secret|token|password|_keys?$|_dsn$|(database|redis|smtp)_url$", name)
            if field.repr and "SecretStr" not in repr(field.annotation)
        ),
        rule=11,
        message="the repr of the settings, as in logs and tracebacks, contains no secret.",
        fix="use SecretStr; for a URL, Field(repr=False).",
    )
