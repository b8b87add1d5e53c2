"""Request ids, security headers, CORS and caching of all responses."""

import re

import httpx2
import pytest

from .factories import Account, Organization
from .problems import REQUEST_ID, assert_problem
from .service import ManagedService


def test_request_id_is_generated(http: httpx2.Client) -> None:
    ids = {http.get("/livez").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(REQUEST_ID.match(made) for made in ids)


@pytest.mark.parametrize("sent", ["abcDEF-12345678", "0191e3a0-aaaa-7bbb-8ccc-1234567890ab"])
def test_valid_request_id_is_kept(http: httpx2.Client, owner: Account, sent: str) -> None:
    headers = {"X-Request-ID": sent}
    assert http.get("/livez", headers=headers).headers["x-request-id"] == sent
    assert owner.api.get("/api/v1/me", headers=headers).headers["x-request-id"] == sent
    assert assert_problem(http.get("/nothing", headers=headers), 404)["request_id"] == sent
    assert assert_problem(http.get("/api/v1/me", headers=headers), 401)["request_id"] == sent


@pytest.mark.parametrize(
    "forged",
    [b"a b c d e f g", b"x" * 500, b"<script>alert(1)</script>", b'"quoted-id"', b"\xff" * 9],
)
def test_invalid_request_id_is_replaced(http: httpx2.Client, forged: bytes) -> None:
    response = http.get("/livez", headers={b"X-Request-ID": forged})
    assert response.headers["x-request-id"].encode() != forged
    assert REQUEST_ID.match(response.headers["x-request-id"])


def test_every_response_has_security_headers(
    http: httpx2.Client, organization: Organization
) -> None:
    api = organization.owner.api
    answers = [
        http.get("/livez"),
        http.get("/openapi.json"),
        http.get("/docs"),
        http.get("/nothing"),
        http.put("/api/v1/me"),
        http.get("/api/v1/me"),
        api.get(organization.path),
        api.post("/api/v1/organizations", json={}),
        api.post("/api/v1/organizations", content=b"x", headers={"Content-Type": "text/plain"}),
        api.post("/api/v1/organizations", content=b"x" * 1_100_000),
    ]
    for answer in answers:
        context = f"{answer.request.method} {answer.request.url} {answer.status_code}"
        assert answer.headers["x-content-type-options"] == "nosniff", context
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy or answer.headers["x-frame-options"], context
        assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin"), context
        assert "x-request-id" in answer.headers, context
        assert not re.search(r"\d", answer.headers.get("server", "")), context
        assert "x-powered-by" not in answer.headers, context
    assert "default-src 'none'" in answers[6].headers["content-security-policy"]


def test_private_responses_are_not_cacheable(organization: Organization) -> None:
    api = organization.owner.api
    for path in ("/api/v1/me", organization.path, f"{organization.path}/projects"):
        directives = api.get(path).headers.get("cache-control", "")
        assert re.search(r"\b(no-store|no-cache|private)\b", directives), path


def test_cors_is_off_by_default(organization: Organization) -> None:
    api = organization.owner.api
    for origin in ("https://evil.example", "null"):
        answers = [
            api.get(organization.path, headers={"Origin": origin}),
            api.get("/nothing", headers={"Origin": origin}),
            api.options(
                organization.path,
                headers={
                    "Origin": origin,
                    "Access-Control-Request-Method": "PATCH",
                    "Access-Control-Request-Headers": "authorization",
                },
            ),
        ]
        assert "CORS_ORIGINS" in assert_problem(answers[-1], 403, "forbidden")["detail"]
        for answer in answers:
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_cors_allows_listed_origins_only(
    managed_service: ManagedService, organization: Organization
) -> None:
    allowed = "https://app.example.org"
    with managed_service.web_process(CORS_ORIGINS=allowed) as web:
        headers = {
            "Origin": allowed,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,content-type,if-match",
        }
        answer = web.http.options(organization.path, headers=headers)
        assert answer.status_code in (200, 204), answer.text
        assert answer.headers["access-control-allow-origin"] == allowed
        assert "PATCH" in answer.headers["access-control-allow-methods"]
        assert "authorization" in answer.headers["access-control-allow-headers"].lower()

        for path, status in ((organization.path, 401), ("/nothing", 404), ("/livez", 200)):
            answer = web.http.get(path, headers={"Origin": allowed})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == allowed
            assert "origin" in answer.headers["vary"].lower()
            exposed = answer.headers["access-control-expose-headers"].lower()
            assert {"etag", "location", "x-request-id"} <= {
                name.strip() for name in exposed.split(",")
            }
            for other in ("https://evil.example", "https://app.example.org.evil.example", "null"):
                answer = web.http.get(path, headers={"Origin": other})
                assert_not_allowed(answer)
        answer = web.http.options(organization.path, headers={**headers, "Origin": "null"})
        assert_problem(answer, 403, "forbidden")
        assert "CORS_ORIGINS" in answer.json()["detail"]
        assert_not_allowed(answer)


def assert_not_allowed(answer: httpx2.Response) -> None:
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "origin" in answer.headers["vary"].lower()  # a cache may keep it for an allowed origin


def test_preflight_lists_what_is_allowed_whatever_is_requested(
    managed_service: ManagedService, organization: Organization
) -> None:
    allowed = "https://app.example.org"
    with managed_service.web_process(CORS_ORIGINS=allowed) as web:
        answers = [
            web.http.options(
                organization.path,
                headers={
                    "Origin": allowed,
                    "Access-Control-Request-Method": method,
                    "Access-Control-Request-Headers": name,
                },
            )
            for method, name in (("PUT", "if-match"), ("TRACE", "if-match"), ("GET", "x-unknown"))
        ]
    for answer in answers:
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["access-control-allow-origin"] == allowed
        assert answer.headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE"
        assert "x-unknown" not in answer.headers["access-control-allow-headers"].lower()
        assert answer.headers["access-control-max-age"] == "600"
        assert "origin" in answer.headers["vary"].lower()
