"""Rule 10: every route is requested by each kind of caller without access, and refuses.

The routes come from the application's route table, so new routes are covered automatically.
"""

import json
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response

from app.core.ids import uuid7
from app.core.security.roles import Role, Scope
from app.core.web import access
from tests.architecture.source import ROOT
from tests.factories import Factory, SignedInUser
from tests.route_table import Operation, every_operation, other_paths


async def _send(
    client: AsyncClient,
    operation: Operation,
    credentials: str | None,
    organization: UUID | None = None,
) -> Response:
    """Send a request whose ids and body are invalid; only path and credentials matter."""
    path = operation.path.format_map(
        {name: uuid7() for name in operation.parameters}
        | {"organization_id": organization or uuid7()}
    )
    headers = {"Idempotency-Key": "attack"}
    if credentials is not None:
        headers["Authorization"] = f"Bearer {credentials}"
    body: dict[str, Any] = {} if operation.method == "GET" else {"json": {"no such field": 1}}
    return await client.request(operation.method, path, headers=headers, **body)


OPERATIONS = every_operation()
PROTECTED_OPERATIONS = [item for item in OPERATIONS if access.public not in item.access]
USER_OPERATIONS = [item for item in OPERATIONS if access.current_user in item.access]
TENANT_OPERATIONS = [item for item in OPERATIONS if "{organization_id}" in item.path]


async def _key(owner: SignedInUser, organization: UUID, *scopes: Scope) -> str:
    response = await owner.request(
        "POST", f"/organizations/{organization}/api-keys", json={"name": "CI", "scopes": scopes}
    )
    assert response.status_code == 201, response.text
    key: str = response.json()["key"]
    return key


def _assert_refused(response: Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.json()["status"] == status
    if status == 401:
        assert response.headers["www-authenticate"] == "Bearer"
    if status == 404:
        # Not "No such project.": access is checked before the project is looked up.
        assert response.json()["detail"] == "No such organization."


def test_only_the_openapi_document_has_no_access_declaration() -> None:
    assert other_paths() == {"/openapi.json"}
    published = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))["paths"]
    assert {(operation.method, operation.path) for operation in TENANT_OPERATIONS} == {
        (method.upper(), path)
        for path, operations in published.items()
        for method in operations
        if "{organization_id}" in path
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_route_declares_its_access(operation: Operation) -> None:
    (declared,) = operation.access
    # A route requires a role if and only if its path contains an organization.
    assert isinstance(declared, access.Require) is (operation in TENANT_OPERATIONS)


@pytest.mark.parametrize("operation", PROTECTED_OPERATIONS, ids=str)
async def test_missing_or_invalid_credentials_are_401(
    client: AsyncClient, operation: Operation
) -> None:
    for credentials in (None, "nonsense", "sk_nonsense", "a.b.c"):
        _assert_refused(await _send(client, operation, credentials), 401)


@pytest.mark.parametrize("operation", USER_OPERATIONS, ids=str)
async def test_api_key_is_403_on_routes_for_users(factory: Factory, operation: Operation) -> None:
    ada = await factory.user()
    key = await _key(ada, await factory.organization(ada), *Scope)
    _assert_refused(await _send(factory.client, operation, key), 403)


@pytest.mark.parametrize("operation", TENANT_OPERATIONS, ids=str)
async def test_tenant_route_admits_only_its_role_and_scope(
    factory: Factory, operation: Operation
) -> None:
    (declared,) = operation.access
    assert isinstance(declared, access.Require)
    ada, eve = await factory.user(), await factory.user()
    organization, foreign = await factory.organization(ada), await factory.organization(eve)

    async def attempt(credentials: str) -> Response:
        return await _send(factory.client, operation, credentials, organization)

    _assert_refused(await attempt(eve.token), 404)
    _assert_refused(await attempt(await _key(eve, foreign, *Scope)), 404)
    for role in Role:
        if not role.includes(declared.role):
            user = await factory.member(organization, role)
            _assert_refused(await attempt(user.token), 403)
    others = [scope for scope in Scope if scope is not declared.scope]
    _assert_refused(await attempt(await _key(ada, organization, *others)), 403)

    # A refused request must not claim an idempotency key.
    assert await factory.count("idempotency_keys") == 0

    # With access, the same request passes the check; it may fail later for its invalid body.
    admitted = [(await factory.member(organization, declared.role)).token]
    if declared.scope is not None:
        admitted.append(await _key(ada, organization, declared.scope))
    for credentials in admitted:
        response = await attempt(credentials)
        assert response.status_code < 500, response.text
        for refusal in (
            "No such organization.",
            f"This needs the role {declared.role.value}.",
            "The API key may not do this.",
        ):
            assert refusal not in response.text
        assert response.status_code != 401
