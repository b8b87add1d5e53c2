"""Checks of error responses (RFC 9457, with the contract's extension members)."""

import re
from typing import Any

import httpx2

REQUEST_ID = re.compile(r"^[A-Za-z0-9_-]{8,64}$")


def assert_problem(
    response: httpx2.Response, status: int | tuple[int, ...], kind: str | None = None
) -> dict[str, Any]:
    """Check a problem document with one of these statuses; return its body."""
    allowed = (status,) if isinstance(status, int) else status
    request = response.request
    context = f"{request.method} {request.url} -> {response.status_code} {response.text[:600]}"
    assert response.status_code in allowed, context
    assert response.headers.get("content-type", "").split(";")[0] == "application/problem+json", (
        context
    )
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code, context
    assert re.fullmatch(r"/problems/[a-z0-9-]+", body["type"]), context
    assert kind is None or body["type"] == f"/problems/{kind}", context
    for member in ("title", "detail", "instance", "request_id"):
        assert isinstance(body[member], str), context
        assert body[member], context
    assert body["request_id"] == response.headers["x-request-id"], context
    assert REQUEST_ID.match(body["request_id"]), context
    if body["type"] == "/problems/validation-error":
        assert body["errors"], context
        for error in body["errors"]:
            assert set(error) == {"pointer", "code", "detail"}, context
            assert all(isinstance(value, str) for value in error.values()), context
    if response.status_code == 401:
        assert response.headers["www-authenticate"].startswith("Bearer"), context
    if response.status_code == 405:
        assert response.headers["allow"], context
    if response.status_code == 429:
        assert int(response.headers["retry-after"]) >= 1, context
    return body


def assert_field_error(response: httpx2.Response, pointer: str) -> None:
    """Check for a validation problem with this pointer."""
    body = assert_problem(response, 422, "validation-error")
    pointers = [error["pointer"] for error in body["errors"]]
    assert pointer in pointers, body


def assert_no_internals(response: httpx2.Response) -> None:
    """Check that an error contains no stack trace, SQL or library name."""
    text = response.text.lower()
    for word in ("traceback", "sqlalchemy", "psycopg", "django", "flask", ".py", "select "):
        assert word not in text, response.text[:600]


def same_response(first: httpx2.Response, second: httpx2.Response) -> bool:
    """Return whether status and body are equal, ignoring the request id."""
    return first.status_code == second.status_code and _neutral(first) == _neutral(second)


def _neutral(response: httpx2.Response) -> Any:
    if not response.content:
        return None
    body = response.json()
    if isinstance(body, dict):
        body = {key: value for key, value in body.items() if key != "request_id"}
    return body
