"""Errors: always a problem document; hostile input never causes a 500."""

from collections.abc import Iterator

import httpx2
import pytest

from .factories import Account, Organization, unique
from .problems import assert_field_error, assert_no_internals, assert_problem

ORGANIZATIONS = "/api/v1/organizations"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/no/such/path", "/api/v1/nothing", "/api/v2/me", "/api"])
def test_unknown_path_is_404(http: httpx2.Client, method: str, path: str) -> None:
    body = assert_problem(http.request(method, path), 404, "not-found")
    assert body["instance"] == path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/me", {"GET", "PATCH", "DELETE"}),
        ("DELETE", ORGANIZATIONS, {"GET", "POST"}),
        ("POST", "/livez", {"GET"}),
        ("TRACE", ORGANIZATIONS, {"GET", "POST"}),
    ],
)
def test_wrong_method_lists_the_allowed_ones(
    owner: Account, method: str, path: str, allowed: set[str]
) -> None:
    response = owner.api.request(method, path)
    assert_problem(response, 405, "method-not-allowed")
    named = {name.strip() for name in response.headers["allow"].split(",")}
    assert named - {"HEAD", "OPTIONS"} == allowed


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json;x", ""],
)
def test_wrong_media_type_is_415(owner: Account, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    response = owner.api.post(ORGANIZATIONS, content=b'{"name": "Wrong"}', headers=headers)
    assert_problem(response, 415, "unsupported-media-type")


def test_json_with_charset_is_accepted(owner: Account) -> None:
    response = owner.api.post(
        ORGANIZATIONS,
        content='{"name": "Größe"}'.encode(),
        headers={"Content-Type": "Application/JSON; charset=utf-8"},
    )
    assert response.status_code == 201
    assert response.json()["name"] == "Größe"


def test_body_limit_applies_with_content_length(owner: Account) -> None:
    content = b'{"name": "' + b"x" * 1024 * 1024 + b'"}'
    assert_problem(
        owner.api.post(ORGANIZATIONS, content=content, headers=JSON), 413, "payload-too-large"
    )


def test_body_limit_applies_to_chunked_bodies(owner: Account) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"name": "'
        for _ in range(20):
            yield b"x" * 65536
        yield b'"}'

    assert_problem(
        owner.api.post(ORGANIZATIONS, content=chunks(), headers=JSON), 413, "payload-too-large"
    )


def test_connection_is_usable_after_a_rejected_body(owner: Account) -> None:
    """The client reads the 413 and the next response on the same connection."""
    for _ in range(10):
        large = owner.api.post(ORGANIZATIONS, content=b"x" * 1_300_000, headers=JSON)
        assert_problem(large, 413, "payload-too-large")
        assert owner.api.get(ORGANIZATIONS).status_code == 200


def test_oversized_anonymous_body_is_rejected(http: httpx2.Client) -> None:
    content = b'{"name": "' + b"x" * 1024 * 1024 + b'"}'
    assert_problem(http.post(ORGANIZATIONS, content=content, headers=JSON), (401, 413))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"name": "x"',
        b'{"name": "x"} trailing',
        b'{"name": \xff\xfe}',
        b'{"name": "\xc3\x28"}',
        b"\x00",
        b"nul",
        b"[]",
        b'"text"',
        b"1",
        b"null",
        b'{"name": NaN}',
        b'{"name": 1e400}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    ],
    ids=lambda content: repr(content[:18]),
)
def test_malformed_json_is_422(owner: Account, content: bytes) -> None:
    response = owner.api.post(ORGANIZATIONS, content=content, headers=JSON)
    assert_problem(response, 422, "validation-error")
    assert_no_internals(response)


@pytest.mark.parametrize(
    "name",
    [
        "nul \x00",
        "bell \x07",
        "escape \x1b[31m",
        "two\nlines",
        "delete \x7f",
        "",
        "   ",
        "\u2003",
        "x" * 121,
        None,
        1,
        10**40,
        True,
        [],
        {},
        ["x"],
    ],
    ids=repr,
)
def test_invalid_names_are_rejected(organization: Organization, name: object) -> None:
    response = organization.owner.api.post(f"{organization.path}/projects", json={"name": name})
    assert_field_error(response, "/name")
    assert_no_internals(response)


def test_lone_surrogate_is_rejected(organization: Organization) -> None:
    content = rb'{"name": "half \ud800"}'
    response = organization.owner.api.post(
        f"{organization.path}/projects", content=content, headers=JSON
    )
    assert_problem(response, 422, "validation-error")


@pytest.mark.parametrize("description", ["nul \x00", "escape \x1b[0m", "x" * 2001, 5])
def test_invalid_descriptions_are_rejected(organization: Organization, description: object) -> None:
    response = organization.owner.api.post(
        f"{organization.path}/projects", json={"name": "x", "description": description}
    )
    assert_field_error(response, "/description")


@pytest.mark.parametrize(
    "name",
    [
        'O\'Brien "quoted" \\ {{7*7}} ${7*7} %s %n',
        "<script>alert(1)</script>",
        "'; DROP TABLE projects; --",
        "مشروع بالعربية",
        "プロジェクト 🚀",
        "x" * 120,
        "-rf",
        "=1+1",
    ],
)
def test_unusual_names_are_stored_unchanged(organization: Organization, name: str) -> None:
    project = organization.project(name)
    assert project["name"] == name
    address = f"{organization.path}/projects/{project['id']}"
    assert organization.owner.api.get(address).json()["name"] == name


def test_text_is_trimmed(organization: Organization) -> None:
    project = organization.project("  spaced out \t ", description="  two\nlines  ")
    assert project["name"] == "spaced out"
    assert project["description"] == "two\nlines"


@pytest.mark.parametrize(
    "field", ["id", "organization_id", "created_by", "created_at", "version", "is_admin"]
)
def test_unknown_field_is_rejected(organization: Organization, field: str) -> None:
    body = {"name": unique(), field: "x"}
    response = organization.owner.api.post(f"{organization.path}/projects", json=body)
    assert_field_error(response, f"/{field}")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=101", "limit"),
        ("limit=abc", "limit"),
        ("limit=1e1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        (f"limit={10**30}", "limit"),
        ("limit=%00", "limit"),
        ("sort=nonsense", "sort"),
        ("sort=name;drop", "sort"),
        ("status=deleted", "status"),
        ("q=%00", "q"),
        ("q=a%1bb", "q"),
        ("q=" + "x" * 2000, "q"),
        ("cursor=%00", "cursor"),
        ("cursor=x", "cursor"),
    ],
)
def test_invalid_parameters_are_rejected(
    organization: Organization, query: str, parameter: str
) -> None:
    response = organization.owner.api.get(f"{organization.path}/projects?{query}")
    assert_field_error(response, parameter)


@pytest.mark.parametrize("query", ["q=%ff%fe", "q=%", "limit=5&limit=6", "&&&=", "q=%ED%A0%80"])
def test_malformed_queries_do_not_cause_500(organization: Organization, query: str) -> None:
    response = organization.owner.api.get(f"{organization.path}/projects?{query}")
    if response.status_code != 200:
        assert_problem(response, 422)


@pytest.mark.parametrize(
    "identifier",
    ["x", "0", "-1", str(10**40), "%00", "..%2f..", "%ff", "'", "0" * 32, "a" * 5000, "%F0%9F"],
)
def test_invalid_ids_are_rejected(owner: Account, identifier: str) -> None:
    response = owner.api.get(f"{ORGANIZATIONS}/{identifier}")
    assert_problem(response, (404, 422))
    assert_no_internals(response)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("If-Match", b"\xff"),
        ("If-None-Match", b"\xff\xfe"),
        ("If-Match", b'"' + b"x" * 4000),
        ("If-None-Match", b","),
        ("X-Request-ID", b"\xf0\x9f\x9a\x80"),
        ("traceparent", b"00-zz-\xff-01"),
        ("traceparent", b"ff" * 500),
        ("X-Forwarded-For", b"\xff, ::::, 999.1.1.1"),
        ("Origin", b"\xff"),
        ("User-Agent", b"\xff\xfe" + b"x" * 3000),
        ("Cookie", b"\xff=\xfe; ;;=;"),
        ("Accept-Language", b"\xff"),
    ],
)
def test_malformed_headers_do_not_cause_500(
    organization: Organization, header: str, value: bytes
) -> None:
    project = organization.project()
    response = organization.owner.api.patch(
        f"{organization.path}/projects/{project['id']}",
        json={"description": "changed"},
        headers={header.encode(): value},
    )
    if response.status_code != 200:
        assert_problem(response, (412, 422))


@pytest.mark.parametrize(
    "authorization",
    [
        b"Bearer",
        b"Bearer a b",
        b"bearer",
        b"Basic dXNlcjpwYXNz",
        b"Bearer \xff\xfe",
        b"Bearer " + b"x" * 5000,
        b"Bearer a.b.c",
        b"Bearer ..",
        b"Bearer sk_",
        b"Bearer sk_%s",
        b"Bearer sk_" + b"A" * 64,
        b"Bearer null",
        b"\xff",
    ],
    ids=lambda value: repr(value[:20]),
)
def test_malformed_credentials_are_401(http: httpx2.Client, authorization: bytes) -> None:
    for path in ("/api/v1/me", f"{ORGANIZATIONS}"):
        response = http.get(path, headers={b"Authorization": authorization})
        assert_problem(response, 401, "unauthenticated")
        assert_no_internals(response)


def test_missing_credentials_are_401(http: httpx2.Client, organization: Organization) -> None:
    for path in ("/api/v1/me", ORGANIZATIONS, organization.path):
        assert_problem(http.get(path), 401, "unauthenticated")


def test_rejected_values_are_not_echoed(http: httpx2.Client) -> None:
    response = http.post(
        "/api/v1/invitations/accept", json={"token": "x", "password": "hunter2 hunter2"}
    )
    assert "hunter2" not in response.text
