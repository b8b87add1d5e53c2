"""Conventions of all routes: errors, headers, limits."""

import re
from typing import Any

import pytest
from httpx2 import Client

from app.core.ops.health import Checks
from app.core.web import probes
from app.settings import settings
from tests.factories import Factory


def _assert_problem(response: Any, status: int, kind: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == f"/problems/{kind}"
    assert body["status"] == status
    assert body["instance"] == response.request.url.path
    assert body["request_id"] == response.headers["x-request-id"]


def test_unknown_path_and_method_return_problems(client: Client) -> None:
    _assert_problem(client.get("/nowhere"), 404, "not-found")
    _assert_problem(client.get("/api/v1/organizations/"), 404, "not-found")
    wrong_method = client.put("/api/v1/organizations")
    _assert_problem(wrong_method, 405, "method-not-allowed")
    assert wrong_method.headers["allow"]


def test_bodies_that_are_not_json_are_rejected(factory: Factory) -> None:
    ada = factory.user()
    post = ("POST", "/organizations")
    json = {"Content-Type": "application/json"}
    malformed = ada.request(*post, content=b'{"name"', headers=json)
    _assert_problem(malformed, 422, "validation-error")
    text = ada.request(*post, content=b"name=x", headers={"Content-Type": "text/plain"})
    _assert_problem(text, 415, "unsupported-media-type")
    deep = ada.request(*post, content=b"[" * 100_000, headers=json)
    _assert_problem(deep, 422, "validation-error")


def test_large_bodies_are_rejected_with_and_without_content_length(factory: Factory) -> None:
    ada = factory.user()
    large = b'{"name": "' + b"x" * (1024 * 1024) + b'"}'

    def chunks() -> Any:
        yield large

    json = {"Content-Type": "application/json"}
    for content in (large, chunks()):
        response = ada.request("POST", "/organizations", content=content, headers=json)
        _assert_problem(response, 413, "payload-too-large")


def test_internal_error_reveals_no_detail(
    factory: Factory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from app.organizations import queries

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret detail")

    ada = factory.user()
    monkeypatch.setattr(queries, "list_organizations", fail)
    response = ada.request("GET", "/organizations")
    _assert_problem(response, 500, "internal-error")
    assert "secret" not in response.text
    assert "ZeroDivisionError" not in response.text


def test_internal_error_has_the_headers_of_cors(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.organizations import queries

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    ada = factory.user()
    origin = "https://app.example.org"
    monkeypatch.setitem(settings.__dict__, "cors_origins", (origin,))
    monkeypatch.setattr(queries, "list_organizations", fail)
    response = ada.request("GET", "/organizations", headers={"Origin": origin})
    _assert_problem(response, 500, "internal-error")
    assert response.headers["access-control-allow-origin"] == origin
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("abc-DEF_12345678", True), ("short", False), ("x" * 65, False), ("a b c d e f g", False)],
)
def test_well_formed_request_id_is_kept(client: Client, sent: str, kept: bool) -> None:
    response = client.get("/livez", headers={"X-Request-ID": sent})
    request_id = response.headers["x-request-id"]
    assert (request_id == sent) is kept
    assert re.fullmatch(r"[A-Za-z0-9_-]{8,64}", request_id)


def test_every_response_has_security_headers(client: Client) -> None:
    for path in ("/livez", "/nowhere", "/api/v1/organizations", "/docs"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_preflight_from_another_origin_names_the_setting(client: Client) -> None:
    headers = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"}
    response = client.options("/api/v1/organizations", headers=headers)
    _assert_problem(response, 403, "forbidden")
    assert "CORS_ORIGINS" in response.json()["detail"]
    assert "access-control-allow-origin" not in response.headers
    assert "ratelimit" not in response.headers


def test_missing_or_invalid_token_is_401_with_a_challenge(client: Client) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer sk_nonsense"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
    ):
        response = client.get("/api/v1/organizations", headers=headers)
        _assert_problem(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": -1}, {"limit": 101}, {"limit": "x"}, {"limit": 10**30}]
)
def test_limit_out_of_bounds_is_rejected(factory: Factory, params: dict[str, Any]) -> None:
    ada = factory.user()
    response = ada.request("GET", "/organizations", params=params)
    _assert_problem(response, 422, "validation-error")
    assert response.json()["errors"][0]["pointer"] == "limit"


def test_metrics_require_the_metrics_token(client: Client) -> None:
    _assert_problem(client.get("/metrics"), 401, "unauthenticated")
    client.get("/api/v1/organizations")
    client.get("/no/such/path")
    response = client.get("/metrics", headers={"Authorization": "Bearer metrics-token"})
    assert response.status_code == 200
    assert 'route="/api/v1/organizations"' in response.text
    assert "/no/such/path" not in response.text


def test_health_endpoints(client: Client) -> None:
    assert (client.get("/livez")).json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok", "redis": "ok"},
    }
    assert ready.headers["cache-control"] == "no-store"
    assert (client.get("/startupz")).status_code == 200


def test_privileged_role_is_not_ready_in_production(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RuntimeError("a role that bypasses row-level security")

    monkeypatch.setattr(probes, "refuse_privileged_role", refuse)
    monkeypatch.setattr(probes.probe, "_checks", Checks())
    monkeypatch.setitem(settings.__dict__, "environment", "production")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "failed"


def test_root_redirects_to_the_docs(client: Client) -> None:
    response = client.get("/")
    assert response.status_code == 302
    assert response.headers["location"] == "/docs"
    assert "/" not in (client.get("/openapi.json")).json()["paths"]


def test_docs_load_nothing_from_other_sites(client: Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert (client.get(path)).status_code == 200, path
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
