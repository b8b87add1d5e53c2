"""Organizations: roles, invitations, and that at least one owner remains."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from .concurrency import run_concurrently
from .drivers import bearer
from .factories import Account, Factory, Organization, Team, unique
from .problems import assert_problem

ROLES = ("owner", "admin", "member", "viewer")


@dataclass(frozen=True)
class Operation:
    """An operation of the contract; `path` and `body` are computed for each call."""

    method: str
    least_role: str
    success: int
    path: Callable[[Team], str]
    body: Callable[[Team], Any] = lambda team: None
    key_scope: str = ""

    def call(self, http: httpx2.Client, team: Team, **options: Any) -> httpx2.Response:
        return http.request(self.method, self.path(team), json=self.body(team), **options)


def _below(suffix: str) -> Callable[[Team], str]:
    return lambda team: team.organization.path + suffix


def _new_project(team: Team) -> str:
    return f"{team.organization.path}/projects/{team.organization.project()['id']}"


def _new_invitation(team: Team) -> str:
    path = f"{team.organization.path}/invitations"
    body = {"email": Factory.address("guest"), "role": "viewer"}
    return f"{path}/{team.owner.api.post(path, json=body).json()['id']}"


def _new_key(team: Team) -> str:
    return f"{team.organization.path}/api-keys/{team.organization.key('projects:read')['id']}"


def _new_export(team: Team) -> str:
    path = f"{team.organization.path}/exports"
    response = team.owner.api.post(path, json={"format": "csv"})
    return f"{path}/{response.json()['id']}"


def _member(team: Team) -> str:
    return f"{team.organization.path}/members/{team.member.id}"


READ, WRITE = "projects:read", "projects:write"
OPERATIONS = {
    "read organization": Operation("GET", "viewer", 200, _below("")),
    "rename organization": Operation(
        "PATCH", "admin", 200, _below(""), lambda _: {"name": unique("renamed")}
    ),
    "list members": Operation("GET", "viewer", 200, _below("/members")),
    "change role": Operation("PATCH", "admin", 200, _member, lambda _: {"role": "member"}),
    "invite": Operation(
        "POST",
        "admin",
        201,
        _below("/invitations"),
        lambda _: {"email": Factory.address("guest"), "role": "viewer"},
    ),
    "list invitations": Operation("GET", "admin", 200, _below("/invitations")),
    "read invitation": Operation("GET", "admin", 200, _new_invitation),
    "revoke invitation": Operation("DELETE", "admin", 204, _new_invitation),
    "list projects": Operation("GET", "viewer", 200, _below("/projects"), key_scope=READ),
    "create project": Operation(
        "POST", "member", 201, _below("/projects"), lambda _: {"name": unique()}, key_scope=WRITE
    ),
    "import projects": Operation(
        "POST",
        "member",
        201,
        _below("/projects/import"),
        lambda _: {"items": [{"name": unique()}]},
        key_scope=WRITE,
    ),
    "read project": Operation("GET", "viewer", 200, _new_project, key_scope=READ),
    "change project": Operation(
        "PATCH", "member", 200, _new_project, lambda _: {"name": unique()}, key_scope=WRITE
    ),
    "delete project": Operation("DELETE", "member", 204, _new_project, key_scope=WRITE),
    "create API key": Operation(
        "POST",
        "admin",
        201,
        _below("/api-keys"),
        lambda _: {"name": unique(), "scopes": [READ]},
    ),
    "list API keys": Operation("GET", "admin", 200, _below("/api-keys")),
    "revoke API key": Operation("DELETE", "admin", 204, _new_key),
    "export": Operation("POST", "member", 202, _below("/exports"), lambda _: {"format": "csv"}),
    "read export": Operation("GET", "member", 200, _new_export),
    "audit log": Operation("GET", "admin", 200, _below("/audit-events")),
    "dashboard": Operation("GET", "viewer", 200, _below("/dashboard?surface=web")),
}
FEATURES = {"export": "exports", "read export": "exports", "dashboard": "dashboard"}


def _marked(name: str) -> Any:
    """Mark an operation of an optional module."""
    marks = [pytest.mark.feature(FEATURES[name])] if name in FEATURES else []
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [_marked(name) for name in OPERATIONS])
def test_each_operation_requires_its_role(team: Team, name: str) -> None:
    operation = OPERATIONS[name]
    least = ROLES.index(operation.least_role)
    for rank, role in enumerate(ROLES):
        response = operation.call(team.of(role).api, team)
        if rank <= least:
            assert response.status_code == operation.success, (role, response.text)
        else:
            assert_problem(response, 403, "forbidden")


@pytest.mark.parametrize("name", [_marked(name) for name in OPERATIONS])
def test_non_members_get_404(team: Team, http: httpx2.Client, name: str) -> None:
    operation = OPERATIONS[name]
    assert_problem(operation.call(team.stranger.api, team), 404, "not-found")
    assert_problem(operation.call(http, team), 401, "unauthenticated")


def test_foreign_organization_is_like_a_missing_one(team: Team) -> None:
    api = team.stranger.api
    nowhere = "/api/v1/organizations/0191e3a0-0000-7000-8000-000000000000"
    foreign, missing = api.get(team.organization.path), api.get(nowhere)
    for response in (foreign, missing):
        assert_problem(response, 404, "not-found")
    assert foreign.json()["detail"] == missing.json()["detail"]
    assert foreign.json()["title"] == missing.json()["title"]


@pytest.mark.parametrize(
    "name", [_marked(name) for name, op in OPERATIONS.items() if op.key_scope != READ]
)
def test_authorization_precedes_validation(team: Team, name: str) -> None:
    # A validation error for non-members would reveal that the organization exists.
    operation = OPERATIONS[name]
    if operation.method in ("POST", "PATCH"):
        response = team.stranger.api.request(
            operation.method, operation.path(team), json={"unknown": 1}
        )
        assert_problem(response, (404, 422))
        missing = operation.path(team).replace(
            team.organization.id, "0191e3a0-0000-7000-8000-000000000000"
        )
        other = team.stranger.api.request(operation.method, missing, json={"unknown": 1})
        assert other.status_code == response.status_code


@pytest.mark.parametrize("name", [_marked(name) for name in OPERATIONS])
def test_api_key_scopes_limit_operations(
    team: Team, http: httpx2.Client, factory: Factory, name: str
) -> None:
    operation = OPERATIONS[name]
    other = factory.organization(team.owner)
    for scopes in ([READ], [WRITE], [READ, WRITE]):
        headers = bearer(team.organization.key(*scopes)["key"])
        response = operation.call(http, team, headers=headers)
        if operation.key_scope in scopes:
            assert response.status_code == operation.success, (scopes, response.text)
        else:
            assert_problem(response, 403, "forbidden")
        foreign = bearer(other.key(*scopes)["key"])
        assert_problem(operation.call(http, team, headers=foreign), 404, "not-found")


def test_resources_are_unreachable_through_another_organization(
    team: Team, factory: Factory, features: set[str]
) -> None:
    """An owner of two organizations reaches no resource under the path of the other one."""
    other = factory.organization(team.owner)
    exports = [_new_export] if "exports" in features else []
    for make in (_new_project, _new_invitation, _new_key, _member, *exports):
        path = make(team)
        elsewhere = path.replace(team.organization.id, other.id)
        for method, body in (("GET", None), ("PATCH", {"name": unique()}), ("DELETE", None)):
            response = team.owner.api.request(method, elsewhere, json=body)
            assert_problem(response, (404, 405, 422))
        for method in ("GET", "DELETE"):
            assert team.owner.api.request(method, elsewhere).status_code in (404, 405)
    assert team.member.api.get(team.organization.path).status_code == 200


@pytest.fixture
def small(factory: Factory) -> tuple[Organization, Account, Account]:
    """Return an organization, its owner and an admin."""
    owner, admin = factory.register_all("owner", "admin")
    organization = factory.organization(owner)
    factory.add(organization, admin, "admin")
    return organization, owner, admin


def test_creator_becomes_owner(factory: Factory, owner: Account) -> None:
    name = unique("Müller & Söhne")
    response = owner.api.post("/api/v1/organizations", json={"name": name})
    assert response.status_code == 201
    created = response.json()
    assert response.headers["location"].endswith(f"/api/v1/organizations/{created['id']}")
    assert (created["name"], created["role"]) == (name, "owner")
    assert owner.api.get(response.headers["location"]).json() == created
    members = owner.api.get(f"/api/v1/organizations/{created['id']}/members").json()["items"]
    assert [(member["user_id"], member["role"]) for member in members] == [(owner.id, "owner")]
    assert members[0]["email"] == owner.email


def test_list_contains_own_organizations_only(team: Team) -> None:
    listed = team.stranger.api.get("/api/v1/organizations?limit=100").json()["items"]
    assert team.organization.id not in [item["id"] for item in listed]
    (own,) = team.viewer.api.get("/api/v1/organizations").json()["items"]
    assert (own["id"], own["role"]) == (team.organization.id, "viewer")


def test_deleted_organization_is_unreachable(small: tuple[Organization, Account, Account]) -> None:
    organization, owner, admin = small
    organization.project()
    key = organization.key("projects:read")["key"]
    invitation = _invite(organization, owner, "viewer")
    assert_problem(admin.api.delete(organization.path), 403, "forbidden")
    assert owner.api.delete(organization.path).status_code == 204
    for account in (owner, admin):
        assert_problem(account.api.get(organization.path), 404, "not-found")
        assert account.api.get("/api/v1/organizations").json()["items"] == []
    response = owner.driver.http.get(f"{organization.path}/projects", headers=bearer(key))
    assert_problem(response, 401, "unauthenticated")
    assert invitation


def _invite(organization: Organization, by: Account, role: str) -> dict[str, Any]:
    response = by.api.post(
        f"{organization.path}/invitations", json={"email": Factory.address(), "role": role}
    )
    assert response.status_code == 201, response.text
    invitation: dict[str, Any] = response.json()
    return invitation


# Owners


def test_last_owner_cannot_leave(small: tuple[Organization, Account, Account]) -> None:
    organization, owner, admin = small
    me = f"{organization.path}/members/{owner.id}"
    for role in ("admin", "member", "viewer"):
        assert_problem(owner.api.patch(me, json={"role": role}), 409, "conflict")
    assert_problem(owner.api.delete(me), 409, "conflict")
    assert owner.api.patch(me, json={"role": "owner"}).status_code == 200

    other = f"{organization.path}/members/{admin.id}"
    assert owner.api.patch(other, json={"role": "owner"}).status_code == 200
    assert owner.api.delete(me).status_code == 204
    assert_problem(owner.api.get(organization.path), 404, "not-found")
    assert_problem(admin.api.delete(other), 409, "conflict")


def test_only_owners_change_owners(
    small: tuple[Organization, Account, Account], factory: Factory
) -> None:
    organization, owner, admin = small
    of_owner = f"{organization.path}/members/{owner.id}"
    of_admin = f"{organization.path}/members/{admin.id}"
    assert_problem(admin.api.patch(of_admin, json={"role": "owner"}), 403, "forbidden")
    assert_problem(admin.api.patch(of_owner, json={"role": "member"}), 403, "forbidden")
    assert_problem(admin.api.delete(of_owner), 403, "forbidden")
    refused = admin.api.post(
        f"{organization.path}/invitations", json={"email": factory.address(), "role": "owner"}
    )
    assert_problem(refused, 403, "forbidden")
    for role in ("king", "OWNER", "", None, 1):
        assert_problem(owner.api.patch(of_admin, json={"role": role}), 422, "validation-error")
    assert admin.api.get(organization.path).json()["role"] == "admin"


def test_parallel_demotions_keep_one_owner(small: tuple[Organization, Account, Account]) -> None:
    organization, owner, other = small
    path = f"{organization.path}/members"
    assert owner.api.patch(f"{path}/{other.id}", json={"role": "owner"}).status_code == 200
    answers = run_concurrently(
        [
            lambda: owner.api.patch(f"{path}/{other.id}", json={"role": "viewer"}),
            lambda: other.api.patch(f"{path}/{owner.id}", json={"role": "viewer"}),
        ]
        * 2
    )
    # 403: the caller is no owner any more; 409: the target is the last owner.
    assert {answer.status_code for answer in answers} <= {200, 403, 409}
    members = owner.api.get(path).json()["items"]
    assert [member["role"] for member in members].count("owner") == 1


def test_removed_member_loses_access_immediately(
    factory: Factory, organization: Organization
) -> None:
    viewer = factory.register("viewer")
    factory.add(organization, viewer, "viewer")
    own = f"{organization.path}/members/{viewer.id}"
    others = f"{organization.path}/members/{organization.owner.id}"
    assert_problem(viewer.api.delete(others), 403, "forbidden")
    assert viewer.api.delete(own).status_code == 204
    assert_problem(viewer.api.get(organization.path), 404, "not-found")
    assert_problem(organization.owner.api.delete(own), 404, "not-found")
    factory.add(organization, viewer, "member")
    assert organization.owner.api.delete(own).status_code == 204
    assert_problem(viewer.api.get(organization.path), 404, "not-found")


# Invitations


def test_invitation_is_accepted_once_by_its_address(
    factory: Factory, organization: Organization
) -> None:
    guest = factory.register("guest")
    response = organization.owner.api.post(
        f"{organization.path}/invitations", json={"email": guest.email.upper(), "role": "member"}
    )
    assert response.status_code == 201, response.text
    invitation = response.json()
    assert invitation["email"] == guest.email
    lifetime = datetime.fromisoformat(invitation["expires_at"]) - datetime.fromisoformat(
        invitation["created_at"]
    )
    assert abs(lifetime - timedelta(days=7)) < timedelta(minutes=1)
    assert "token" not in str(invitation)
    token = factory.mailbox.token("accept-invitation", guest.email)
    assert token not in response.text

    # Another account cannot use the token, and does not consume it.
    other = factory.register("other")
    rejected = other.api.post("/api/v1/invitations/accept", json={"token": token})
    assert_problem(rejected, (403, 404, 422))
    assert_problem(other.api.get(organization.path), 404)

    answers = run_concurrently(
        [lambda: guest.api.post("/api/v1/invitations/accept", json={"token": token})] * 6
    )
    codes = [answer.status_code for answer in answers]
    assert sum(code in (200, 201) for code in codes) == 1
    assert set(codes) <= {200, 201, 404, 409, 422}
    assert guest.api.get(organization.path).json()["role"] == "member"
    again = guest.api.post("/api/v1/invitations/accept", json={"token": token})
    assert_problem(again, (404, 409, 422))
    assert organization.owner.api.get(f"{organization.path}/invitations").json()["items"] == []
    # A removed member cannot use the token again.
    organization.owner.api.delete(f"{organization.path}/members/{guest.id}")
    again = guest.api.post("/api/v1/invitations/accept", json={"token": token})
    assert_problem(again, (404, 409, 422))


def test_revoked_invitation_is_rejected(factory: Factory, organization: Organization) -> None:
    guest = factory.register("guest")
    token = factory.invite(organization, guest.email, "admin")
    path = f"{organization.path}/invitations"
    (invitation,) = organization.owner.api.get(path).json()["items"]
    assert organization.owner.api.delete(f"{path}/{invitation['id']}").status_code == 204
    response = guest.api.post("/api/v1/invitations/accept", json={"token": token})
    assert_problem(response, (404, 409, 422))
    assert_problem(organization.owner.api.get(f"{path}/{invitation['id']}"), 404)


def test_duplicate_invitations_are_rejected(factory: Factory, organization: Organization) -> None:
    path = f"{organization.path}/invitations"
    email = factory.address()
    answers = run_concurrently(
        [lambda: organization.owner.api.post(path, json={"email": email, "role": "viewer"})] * 4
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    response = organization.owner.api.post(
        path, json={"email": organization.owner.email, "role": "viewer"}
    )
    assert_problem(response, 409, "conflict")


@pytest.mark.parametrize("token", ["", "x", "\x00", "A" * 5000, None, 1, "a.b.c"])
def test_invalid_tokens_are_rejected(owner: Account, token: object) -> None:
    response = owner.api.post("/api/v1/invitations/accept", json={"token": token})
    assert_problem(response, 422, "validation-error")
