"""All routes of the service, read from Ninja and from Django's URL resolver."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from app.config.api import api
from app.core.web import openapi
from app.settings import settings

ADMIN, ALLAUTH = f"/{settings.admin_path}/", "/_allauth/"
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Operation:
    """One method of one route, with its `auth` callbacks."""

    method: str
    path: str
    parameters: tuple[str, ...]
    access: tuple[object, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def every_operation() -> list[Operation]:
    return [
        Operation(
            method,
            path,
            tuple(re.findall(r"{(\w+)}", path)),
            tuple(operation.auth_callbacks),
        )
        for path, operation in openapi.operations(api)
        for method in sorted(operation.methods)
    ]


def every_path() -> list[tuple[str, URLPattern]]:
    """List all URL patterns, with path templates; regular expressions are not converted."""
    return list(_walk("/", get_resolver().url_patterns))


def _walk(
    prefix: str, patterns: Iterable[URLPattern | URLResolver]
) -> Iterator[tuple[str, URLPattern]]:
    for item in patterns:
        route = str(item.pattern)
        if isinstance(item.pattern, RoutePattern):
            route = _CONVERTER.sub(r"{\1}", route)
        path = prefix + route
        if isinstance(item, URLResolver):
            yield from _walk(path, item.url_patterns)
        else:
            yield path, item


def other_paths() -> set[str]:
    """Return the paths that are neither operations of the API, nor of the admin or allauth."""
    known = {operation.path for operation in every_operation()}
    return {
        path
        for path, pattern in every_path()
        if path not in known
        and not path.startswith((ADMIN, ALLAUTH))
        and pattern.name != "api-root"  # only a name, for `reverse`
    }
