"""Health endpoints, metrics, OpenAPI documents and shutdown."""

import re
import signal
import socket
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from .factories import Account, Factory, Organization, unique
from .mailbox import Mailbox
from .problems import assert_no_internals, assert_problem
from .proxy import TcpProxy
from .service import ManagedService

METHODS = ("get", "post", "put", "patch", "delete")


def wait_for_status(
    http: httpx2.Client, path: str, status: int, *, within: float = 5
) -> httpx2.Response:
    """Poll a path until it returns this status, for at most `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        response = http.get(path)
        if response.status_code == status or time.monotonic() > deadline:
            assert response.status_code == status, response.text
            return response
        time.sleep(0.1)


def test_probes_report_a_healthy_service(http: httpx2.Client) -> None:
    assert http.get("/livez").status_code == 200
    assert http.get("/startupz").status_code == 200
    ready = http.get("/readyz")
    assert ready.status_code == 200
    text = ready.text.lower()
    assert all(name in text for name in ("database", "migrations", "redis"))
    assert "failed" not in text
    assert "degraded" not in text
    for path in ("/livez", "/readyz", "/startupz"):
        assert "no-store" in http.get(path).headers["cache-control"]


def test_readiness_is_degraded_without_redis(
    managed_service: ManagedService, mailbox: Mailbox, organization: Organization
) -> None:
    guest = Factory.address("guest")
    with managed_service.web_process(REDIS_URL="redis://127.0.0.1:9/0") as web:
        assert web.http.get("/livez").status_code == 200
        ready = web.http.get("/readyz")
        assert ready.status_code == 200
        assert "degraded" in ready.text
        headers = {"Authorization": f"Bearer {organization.owner.access()}"}
        answer = web.http.post(
            f"{organization.path}/projects", json={"name": unique()}, headers=headers
        )
        assert answer.status_code == 201, answer.text
        # A job whose message could not be published is redelivered from the outbox.
        answer = web.http.post(
            f"{organization.path}/invitations",
            json={"email": guest, "role": "viewer"},
            headers=headers,
        )
        assert answer.status_code == 201
    mailbox.tokens("accept-invitation", guest, timeout=60)


def test_readiness_fails_without_the_database(
    managed_service: ManagedService, owner: Account
) -> None:
    url = urlsplit(managed_service.env["DATABASE_URL"])
    assert url.hostname
    assert url.port
    proxy = TcpProxy(url.hostname, url.port)
    through_proxy = managed_service.env["DATABASE_URL"].replace(f":{url.port}/", f":{proxy.port}/")
    headers = {"Authorization": f"Bearer {owner.access()}"}
    with managed_service.web_process(DATABASE_URL=through_proxy) as web:
        wait_for_status(web.http, "/readyz", 200)
        assert web.http.get("/api/v1/me", headers=headers).status_code == 200
        proxy.stop()
        ready = wait_for_status(web.http, "/readyz", 503)
        assert "database" in ready.text
        assert web.http.get("/livez").status_code == 200
        started = time.monotonic()
        broken = web.http.get("/api/v1/me", headers=headers)
        assert time.monotonic() - started < 10
        # The only server error a test can cause: it must reveal nothing but the request id.
        assert_problem(broken, (500, 503))
        assert_no_internals(broken)
        assert not re.search(r"connect|postgres|127\.0\.0\.1|\d{4,5}", broken.json()["detail"])
        proxy.restart()
        wait_for_status(web.http, "/readyz", 200)
        assert web.http.get("/api/v1/me", headers=headers).status_code == 200
    proxy.stop()


def test_readiness_fails_without_migrations(managed_service: ManagedService) -> None:
    with managed_service.web_process(**managed_service.empty_database) as web:
        assert web.http.get("/livez").status_code == 200
        for path in ("/readyz", "/startupz"):
            response = web.http.get(path)
            assert response.status_code == 503
            assert "migrations" in response.text


def test_readiness_fails_while_draining(managed_service: ManagedService, tmp_path: Path) -> None:
    drain_file = tmp_path / "drain"
    with managed_service.web_process(DRAIN_FILE=str(drain_file)) as web:
        wait_for_status(web.http, "/readyz", 200)
        drain_file.touch()
        wait_for_status(web.http, "/readyz", 503)
        assert web.http.get("/livez").status_code == 200
        assert web.http.get("/api/v1/me").status_code == 401
        drain_file.unlink()
        wait_for_status(web.http, "/readyz", 200)


def test_shutdown_completes_requests_in_flight(
    managed_service: ManagedService, organization: Organization
) -> None:
    token = organization.owner.access()
    body = b'{"name": "In flight"}'
    with managed_service.web_process() as web:
        address = urlsplit(web.base_url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            head = (
                f"POST {organization.path}/projects HTTP/1.1\r\nHost: {address.netloc}\r\n"
                f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(head.encode() + body[:5])
            time.sleep(0.5)
            web.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            assert web.process.poll() is None, f"exited before the response, see {web.log}"
            connection.sendall(body[5:])
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 201"), answer
        assert web.process.wait(20) == 0


def test_metrics_require_the_token(
    http: httpx2.Client, managed_service: ManagedService, owner: Account
) -> None:
    http.get("/nothing/at/all")
    assert_problem(http.get("/metrics"), (401, 403, 404))
    for wrong in ("x", managed_service.metrics_token[:-1], owner.access()):
        response = http.get("/metrics", headers={"Authorization": f"Bearer {wrong}"})
        assert_problem(response, (401, 403, 404))
    response = http.get(
        "/metrics", headers={"Authorization": f"Bearer {managed_service.metrics_token}"}
    )
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(("text/plain", "application/openmetrics"))
    assert "# HELP" in response.text
    # Unknown paths must not create a time series each.
    assert "/nothing/at/all" not in response.text


@pytest.fixture(scope="module")
def document(http: httpx2.Client) -> dict[str, Any]:
    response = http.get("/openapi.json")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (method, path, operation) tuples."""
    return [
        (method, path, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


CONTRACT = {
    "/me": "get patch delete",
    "/organizations": "get post",
    "/organizations/{organization_id}": "get patch delete",
    "/organizations/{organization_id}/members": "get",
    "/organizations/{organization_id}/members/{user_id}": "patch delete",
    "/organizations/{organization_id}/invitations": "get post",
    "/organizations/{organization_id}/invitations/{invitation_id}": "get delete",
    "/invitations/accept": "post",
    "/organizations/{organization_id}/projects": "get post",
    "/organizations/{organization_id}/projects/import": "post",
    "/organizations/{organization_id}/projects/{project_id}": "get patch delete",
    "/organizations/{organization_id}/api-keys": "get post",
    "/organizations/{organization_id}/api-keys/{api_key_id}": "delete",
    "/organizations/{organization_id}/audit-events": "get",
}
OPTIONAL = {
    "exports": {
        "/organizations/{organization_id}/exports": "post",
        "/organizations/{organization_id}/exports/{export_id}": "get",
        "/organizations/{organization_id}/exports/{export_id}/download": "get",
    },
    "dashboard": {"/organizations/{organization_id}/dashboard": "get"},
}


def test_openapi_contains_every_operation(document: dict[str, Any], features: set[str]) -> None:
    assert document["openapi"].startswith("3.1")
    found = {
        re.sub(r"\{key_id\}", "{api_key_id}", path): item
        for path, item in document["paths"].items()
    }
    expected = CONTRACT.copy()
    for feature, contract in OPTIONAL.items():
        if feature in features:
            expected |= contract
        else:
            assert not [path for path in found if feature in path]
    for path, methods in expected.items():
        item = found[f"/api/v1{path}"]
        assert set(methods.split()) <= set(item), path


def test_openapi_documents_errors_and_unique_ids(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    shared = document["components"].get("responses", {})
    for method, path, operation in operations(document):
        if not path.startswith("/api/"):
            continue
        responses = operation["responses"]
        assert "429" in responses, (method, path)
        for status, found in responses.items():
            response = shared[found["$ref"].rpartition("/")[2]] if "$ref" in found else found
            if status[0] in "45":
                assert set(response["content"]) == {"application/problem+json"}, (path, status)
        if operation.get("security"):
            assert "401" in responses, (method, path)
        if "{organization_id}" in path:
            assert {"401", "403", "404"} <= set(responses), (method, path)


def test_deprecated_operations_send_deprecation_headers(
    http: httpx2.Client, document: dict[str, Any]
) -> None:
    for method, path, operation in operations(document):
        response = http.request(method, re.sub(r"\{.*?\}", "x", path))
        if not operation.get("deprecated"):
            assert "deprecation" not in response.headers, path
            continue
        since = re.fullmatch(r"@(\d+)", response.headers["deprecation"])
        assert since, response.headers["deprecation"]
        sunset = parsedate_to_datetime(response.headers["sunset"]).astimezone(UTC)
        assert sunset.timestamp() >= int(since[1])


def test_docs_page_loads_no_external_assets(http: httpx2.Client) -> None:
    response = http.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    # The page must work without internet access.
    assert not re.search(r"""(src|href)=["'](https?:)?//""", response.text)


def test_docs_can_be_disabled(managed_service: ManagedService) -> None:
    with managed_service.web_process(DOCS_ENABLED="false") as web:
        for path in ("/", "/docs", "/openapi.json"):
            assert_problem(web.http.get(path), 404, "not-found")
