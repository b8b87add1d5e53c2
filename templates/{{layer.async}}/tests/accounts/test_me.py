import pytest

from tests.accounts.account_client import OTHER_PASSWORD, PASSWORD, AccountClient
from tests.accounts.flows import enable_totp, refresh
from tests.factories import Factory, SignedInUser


async def test_read_and_rename_with_etag(factory: Factory) -> None:
    ada = await factory.user()
    me = await ada.request("GET", "/me")
    assert set(me.json()) == {"id", "email", "name", "has_password", "totp_enabled", "created_at"}
    assert me.json()["created_at"].endswith("Z")
    same = await ada.request("GET", "/me", headers={"If-None-Match": me.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")

    async def rename(name: object, **headers: str) -> int:
        response = await ada.request("PATCH", "/me", json={"name": name}, headers=headers)
        return response.status_code

    assert await rename("  Countess  ", **{"If-Match": me.headers["etag"]}) == 200
    assert (await ada.request("GET", "/me")).json()["name"] == "Countess"
    assert await rename("Ada", **{"If-Match": me.headers["etag"]}) == 412
    for bad in ("", "  ", "x" * 121, "nul\x00", None, 5):
        assert await rename(bad) == 422


@pytest.mark.parametrize(
    "field", ["id", "email", "password", "totp_enabled", "disabled_at", "is_active", "is_staff"]
)
async def test_other_fields_are_rejected(factory: Factory, field: str) -> None:
    ada = await factory.user()
    response = await ada.request("PATCH", "/me", json={"name": "Ada", field: "x"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == f"/{field}"


async def _delete(user: SignedInUser, password: str = PASSWORD) -> int:
    response = await user.request("DELETE", "/me", json={"password": password})
    return response.status_code


async def test_delete_requires_the_password_and_removes_all_rows(
    account_client: AccountClient, factory: Factory
) -> None:
    ada = await factory.user(password=PASSWORD)
    access, token = await account_client.tokens(ada.email)
    await enable_totp(account_client, access)
    assert await _delete(ada, OTHER_PASSWORD) == 422
    assert await _delete(ada) == 204
    assert (await ada.request("GET", "/me")).status_code == 401
    assert (await refresh(account_client, token)).status_code == 401
    assert (await account_client.sign_in(ada.email)).status_code == 401
    for table in ("users", "sessions", "refresh_tokens", "security_events"):
        assert await factory.count(table) == 0


async def test_sole_owner_of_an_organization_cannot_be_deleted(factory: Factory) -> None:
    ada = await factory.user(password=PASSWORD)
    organization = await factory.organization(ada)
    other = await factory.member(organization, "admin")
    assert await _delete(ada) == 409
    assert (await ada.request("GET", "/me")).status_code == 200
    promoted = await ada.request(
        "PATCH", f"/organizations/{organization}/members/{other.id}", json={"role": "owner"}
    )
    assert promoted.status_code == 200
    assert await _delete(ada) == 204
    members = (await other.request("GET", f"/organizations/{organization}/members")).json()
    assert [item["user_id"] for item in members["items"]] == [str(other.id)]
