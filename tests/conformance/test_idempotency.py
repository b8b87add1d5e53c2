"""Idempotency keys: a repeated request has one effect and one response."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from .concurrency import run_concurrently
from .factories import Account, Factory, Organization, Team, unique
from .features import FEATURES
from .problems import assert_problem


def post(
    account: Account, path: str, key: str, body: dict[str, Any] | None = None
) -> httpx2.Response:
    """POST with an idempotency key."""
    return account.api.post(path, json=body or {"name": "Once"}, headers={"Idempotency-Key": key})


def test_replay_returns_the_stored_response(organization: Organization) -> None:
    path, key = f"{organization.path}/projects", unique("key").replace(" ", "-")
    first = post(organization.owner, path, key)
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    for _ in range(2):
        again = post(organization.owner, path, key)
        assert again.status_code == 201
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"
        for header in ("location", "etag", "content-type"):
            assert again.headers[header] == first.headers[header]
    assert len(organization.owner.api.get(path).json()["items"]) == 1


def test_same_key_with_another_body_is_rejected(organization: Organization) -> None:
    path = f"{organization.path}/projects"
    assert post(organization.owner, path, "one-key", {"name": "A"}).status_code == 201
    response = post(organization.owner, path, "one-key", {"name": "B"})
    assert_problem(response, 422, "idempotency-mismatch")


def test_parallel_posts_have_one_effect(organization: Organization) -> None:
    path = f"{organization.path}/projects"
    answers = run_concurrently([lambda: post(organization.owner, path, "parallel")] * 8)
    created = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert len(created) + len(waiting) == 8
    assert len({answer.content for answer in created}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in created) == 1
    for answer in waiting:
        assert_problem(answer, 409, "idempotency-conflict")
    assert len(organization.owner.api.get(path).json()["items"]) == 1
    assert post(organization.owner, path, "parallel").content == created[0].content


def test_keys_are_scoped_to_caller_and_route(team: Team, factory: Factory) -> None:
    path = f"{team.organization.path}/projects"
    key = unique("scope").replace(" ", "-")
    first = post(team.owner, path, key, {"name": unique()})
    # Another caller with the same route and key.
    second = post(team.member, path, key, {"name": unique()})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    # The same caller and key on another route.
    other = factory.organization(team.owner)
    third = post(team.owner, f"{other.path}/projects", key, {"name": unique()})
    fourth = post(team.owner, "/api/v1/organizations", key, {"name": unique()})
    assert (third.status_code, fourth.status_code) == (201, 201)
    # An API key is a separate caller.
    api_key = team.organization.key("projects:write")["key"]
    fifth = team.owner.driver.http.post(
        path,
        json={"name": unique()},
        headers={"Authorization": f"Bearer {api_key}", "Idempotency-Key": key},
    )
    assert fifth.status_code == 201, fifth.text
    assert "idempotency-replayed" not in fifth.headers


def test_stored_response_is_not_replayed_to_others(team: Team) -> None:
    path = f"{team.organization.path}/projects"
    key = unique("private").replace(" ", "-")
    body = {"name": unique()}
    assert post(team.owner, path, key, body).status_code == 201
    assert_problem(post(team.stranger, path, key, body), 404, "not-found")
    assert_problem(post(team.viewer, path, key, body), 403, "forbidden")


def test_replay_requires_current_membership(factory: Factory, organization: Organization) -> None:
    member = factory.register("leaver")
    factory.add(organization, member, "member")
    path = f"{organization.path}/projects"
    assert post(member, path, "kept").status_code == 201
    gone = organization.owner.api.delete(f"{organization.path}/members/{member.id}")
    assert gone.status_code == 204, gone.text
    assert_problem(post(member, path, "kept"), 404, "not-found")


def test_key_is_reusable_after_a_validation_error(organization: Organization) -> None:
    path = f"{organization.path}/projects"
    taken = organization.project("Taken")
    for _ in range(2):
        response = post(organization.owner, path, "failing", {"name": "Taken"})
        assert response.status_code == 409, response.text
        assert response.json()["type"] == "/problems/conflict"
    assert_problem(post(organization.owner, path, "invalid", {"name": ""}), 422)
    # A rejected request has no effect, so the corrected one may use the key.
    assert post(organization.owner, path, "invalid", {"name": "Right"}).status_code == 201
    organization.owner.api.delete(f"{path}/{taken['id']}")
    response = post(organization.owner, path, "failing", {"name": "Taken"})
    assert response.status_code in (201, 409)
    assert response.json().get("type") in (None, "/problems/conflict")


@pytest.mark.parametrize(
    "key", [b"", b"x" * 256, b"with space", b"\xc3\xa9", b"tab\there"], ids=repr
)
def test_malformed_keys_are_rejected(organization: Organization, key: bytes) -> None:
    response = organization.owner.api.post(
        f"{organization.path}/projects", json={"name": unique()}, headers={b"Idempotency-Key": key}
    )
    assert_problem(response, 422, "validation-error")


def test_valid_keys_are_accepted(organization: Organization) -> None:
    path = f"{organization.path}/projects"
    for key in ("x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~{}"):
        body = {"name": unique()}
        assert post(organization.owner, path, key, body).status_code == 201
        assert post(organization.owner, path, key, body).headers["idempotency-replayed"] == "true"


CREATIONS: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "organizations": ("", lambda: {"name": unique()}),
    "projects": ("/projects", lambda: {"name": unique()}),
    "import": ("/projects/import", lambda: {"items": [{"name": unique()}]}),
    "invitations": (
        "/invitations",
        lambda: {"email": Factory.address("invited"), "role": "viewer"},
    ),
    "api-keys": ("/api-keys", lambda: {"name": unique(), "scopes": ["projects:read"]}),
    "exports": ("/exports", lambda: {"format": "csv"}),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.feature(name)) if name in FEATURES else name
        for name in CREATIONS
    ],
)
def test_every_creation_accepts_a_key(organization: Organization, name: str) -> None:
    suffix, make_body = CREATIONS[name]
    path = f"{organization.path}{suffix}" if suffix else "/api/v1/organizations"
    body = make_body()
    key = unique("every").replace(" ", "-")
    first = post(organization.owner, path, key, body)
    assert first.status_code in (201, 202), first.text
    again = post(organization.owner, path, key, body)
    assert again.status_code == first.status_code
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    body = make_body()
    if name != "exports":
        assert_problem(post(organization.owner, path, key, body), 422, "idempotency-mismatch")
