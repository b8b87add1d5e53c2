"""Rule 10, by attack: every route there is, tried by everyone who may not.

The routes come from the application's own table, so a new one is covered by itself.
"""

from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response

from app.core.ids import uuid7
from app.core.security.roles import Role, Scope
from app.core.web import access
from tests.factories import Factory, SignedInUser
from tests.route_table import Operation, every_operation, other_paths


async def _send(
    client: AsyncClient,
    operation: Operation,
    credentials: str | None,
    organization: UUID | None = None,
) -> Response:
    """Send a request that is wrong in everything but its address and its credentials."""
    path = operation.path.format_map(
        {name: uuid7() for name in operation.parameters}
        | {"organization_id": organization or uuid7()}
    )
    headers = {"Idempotency-Key": "attack"}
    if credentials is not None:
        headers["Authorization"] = f"Bearer {credentials}"
    body: dict[str, Any] = {} if operation.method == "GET" else {"json": {"no such field": 1}}
    return await client.request(operation.method, path, headers=headers, **body)


EVERY = every_operation()
PROTECTED = [item for item in EVERY if access.public not in item.access]
OF_USERS = [item for item in EVERY if access.current_user in item.access]
OF_TENANTS = [item for item in EVERY if "{organization_id}" in item.path]


async def _key(owner: SignedInUser, organization: UUID, *scopes: Scope) -> str:
    response = await owner.request(
        "POST", f"/organizations/{organization}/api-keys", json={"name": "CI", "scopes": scopes}
    )
    assert response.status_code == 201, response.text
    key: str = response.json()["key"]
    return key


def _is_refused(response: Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.json()["status"] == status
    if status == 401:
        assert response.headers["www-authenticate"] == "Bearer"
    if status == 404:
        # Not "no such project": nobody has looked for one.
        assert response.json()["detail"] == "No such organization."


def test_only_the_framework_adds_routes_without_access() -> None:
    assert other_paths() == {"/openapi.json"}
    assert len(OF_TENANTS) > 20, "the walk has lost its way"


@pytest.mark.parametrize("operation", EVERY, ids=str)
def test_every_route_says_who_may_call_it(operation: Operation) -> None:
    (declared,) = operation.access
    # A path that names an organization asks for a role in it, and no other can.
    assert isinstance(declared, access.Require) is (operation in OF_TENANTS)


@pytest.mark.parametrize("operation", PROTECTED, ids=str)
async def test_stranger_is_401(client: AsyncClient, operation: Operation) -> None:
    for credentials in (None, "nonsense", "sk_nonsense", "a.b.c"):
        _is_refused(await _send(client, operation, credentials), 401)


@pytest.mark.parametrize("operation", OF_USERS, ids=str)
async def test_key_is_no_user(factory: Factory, operation: Operation) -> None:
    ada = await factory.user()
    key = await _key(ada, await factory.organization(ada), *Scope)
    _is_refused(await _send(factory.client, operation, key), 403)


@pytest.mark.parametrize("operation", OF_TENANTS, ids=str)
async def test_tenant_route_admits_only_whom_it_says(
    factory: Factory, operation: Operation
) -> None:
    (declared,) = operation.access
    assert isinstance(declared, access.Require)
    ada, eve = await factory.user(), await factory.user()
    organization, foreign = await factory.organization(ada), await factory.organization(eve)

    async def attempt(credentials: str) -> Response:
        return await _send(factory.client, operation, credentials, organization)

    _is_refused(await attempt(eve.token), 404)
    _is_refused(await attempt(await _key(eve, foreign, *Scope)), 404)
    for role in Role:
        if not role.includes(declared.role):
            user = await factory.member(organization, role)
            _is_refused(await attempt(user.token), 403)
    others = [scope for scope in Scope if scope is not declared.scope]
    _is_refused(await attempt(await _key(ada, organization, *others)), 403)

    # Whoever is refused has claimed no idempotency key.
    assert await factory.count("idempotency_keys") == 0

    # The same request of those who may: it gets on, if only to the next thing wrong with it.
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
