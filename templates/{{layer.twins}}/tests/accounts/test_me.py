import pytest

from tests.accounts.account_client import OTHER_PASSWORD, PASSWORD, AccountClient
from tests.accounts.flows import enable_totp, refresh
from tests.factories import Factory, SignedInUser


def test_read_and_rename_with_etag(factory: Factory) -> None:
    ada = factory.user()
    me = ada.request("GET", "/me")
    assert set(me.json()) == {"id", "email", "name", "has_password", "totp_enabled", "created_at"}
    assert me.json()["created_at"].endswith("Z")
    same = ada.request("GET", "/me", headers={"If-None-Match": me.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")

    def rename(name: object, **headers: str) -> int:
        response = ada.request("PATCH", "/me", json={"name": name}, headers=headers)
        return response.status_code

    assert rename("  Countess  ", **{"If-Match": me.headers["etag"]}) == 200
    assert (ada.request("GET", "/me")).json()["name"] == "Countess"
    assert rename("Ada", **{"If-Match": me.headers["etag"]}) == 412
    for bad in ("", "  ", "x" * 121, "nul\x00", None, 5):
        assert rename(bad) == 422


@pytest.mark.parametrize(
    "field", ["id", "email", "password", "totp_enabled", "disabled_at", "is_active", "is_staff"]
)
def test_other_fields_are_rejected(factory: Factory, field: str) -> None:
    ada = factory.user()
    response = ada.request("PATCH", "/me", json={"name": "Ada", field: "x"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == f"/{field}"


def _delete(user: SignedInUser, password: str = PASSWORD) -> int:
    response = user.request("DELETE", "/me", json={"password": password})
    return response.status_code


def test_delete_requires_the_password_and_removes_all_rows(
    account_client: AccountClient, factory: Factory
) -> None:
    ada = factory.user(password=PASSWORD)
    access, token = account_client.tokens(ada.email)
    enable_totp(account_client, access)
    assert _delete(ada, OTHER_PASSWORD) == 422
    assert _delete(ada) == 204
    assert (ada.request("GET", "/me")).status_code == 401
    assert (refresh(account_client, token)).status_code == 401
    assert (account_client.sign_in(ada.email)).status_code == 401
    for table in ("users", "sessions", "refresh_tokens", "security_events"):
        assert factory.count(table) == 0


def test_sole_owner_of_an_organization_cannot_be_deleted(factory: Factory) -> None:
    ada = factory.user(password=PASSWORD)
    organization = factory.organization(ada)
    other = factory.member(organization, "admin")
    assert _delete(ada) == 409
    assert (ada.request("GET", "/me")).status_code == 200
    promoted = ada.request(
        "PATCH", f"/organizations/{organization}/members/{other.id}", json={"role": "owner"}
    )
    assert promoted.status_code == 200
    assert _delete(ada) == 204
    members = other.request("GET", f"/organizations/{organization}/members").json()
    assert [item["user_id"] for item in members["items"]] == [str(other.id)]
