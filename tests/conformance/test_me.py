"""`/api/v1/me`: the user's own account."""

import pytest

from .drivers import Driver, Outcome, bearer
from .factories import Account, Factory, Organization
from .problems import assert_field_error, assert_problem
from .test_accounts import access_is_refused


def test_me_contains_no_password(owner: Account) -> None:
    me = owner.api.get("/api/v1/me").json()
    assert me["email"] == owner.email
    assert not {"password", "password_hash"} & set(me)


def test_name_is_trimmed_and_changed(factory: Factory) -> None:
    account = factory.register()
    response = account.api.patch("/api/v1/me", json={"name": "  New Name "})
    assert response.status_code == 200, response.text
    assert response.json()["name"] == "New Name"
    assert account.api.get("/api/v1/me").json()["name"] == "New Name"


@pytest.mark.parametrize(
    "field", ["email", "id", "password", "email_verified_at", "is_admin", "disabled_at"]
)
def test_other_fields_cannot_be_changed(owner: Account, field: str) -> None:
    response = owner.api.patch("/api/v1/me", json={field: "x"})
    assert_field_error(response, f"/{field}")


@pytest.mark.parametrize("name", ["", " ", None, "x" * 121, "nul \x00", 5])
def test_invalid_names_are_rejected(owner: Account, name: object) -> None:
    assert_field_error(owner.api.patch("/api/v1/me", json={"name": name}), "/name")


def test_deleting_the_account_requires_the_password(factory: Factory, driver: Driver) -> None:
    account = factory.register("leaver")
    tokens = account.new_session()
    headers = bearer(tokens.access)

    def delete(body: object) -> int:
        response = driver.http.request("DELETE", "/api/v1/me", json=body, headers=headers)
        if response.is_error:
            assert_problem(response, response.status_code)
        return response.status_code

    assert delete({}) == 422
    assert delete({"password": factory.password()}) in (401, 403, 422)
    assert not access_is_refused(driver, tokens.access)
    assert delete({"password": account.password}) == 204
    assert access_is_refused(driver, tokens.access)
    assert driver.refresh(tokens.refresh).outcome is Outcome.REFUSED
    assert driver.sign_in(account.email, account.password).outcome is Outcome.REFUSED


def test_address_of_a_deleted_account_can_sign_up_again(factory: Factory) -> None:
    account = factory.register()
    first = account.id
    response = account.api.request("DELETE", "/api/v1/me", json={"password": account.password})
    assert response.status_code == 204, response.text
    assert account.driver.sign_up(account.email, account.password, "Again").ok
    token = factory.mailbox.tokens("verify-email", account.email, at_least=2)[-1]
    assert account.driver.verify(token).ok
    again = account.driver.sign_in(account.email, account.password).require_tokens()
    me = account.driver.http.get("/api/v1/me", headers=bearer(again.access)).json()
    assert me["id"] != first
    assert (
        account.driver.http.get("/api/v1/organizations", headers=bearer(again.access)).json()[
            "items"
        ]
        == []
    )


def test_sole_owner_cannot_delete_the_account(factory: Factory) -> None:
    founder, other = factory.register_all("founder", "other")
    organization: Organization = factory.organization(founder)
    factory.add(organization, other, "admin")
    body = {"password": founder.password}
    refused = founder.api.request("DELETE", "/api/v1/me", json=body)
    assert_problem(refused, 409, "conflict")
    response = founder.api.patch(f"{organization.path}/members/{other.id}", json={"role": "owner"})
    assert response.status_code == 200, response.text
    assert founder.api.request("DELETE", "/api/v1/me", json=body).status_code == 204
    members = other.api.get(f"{organization.path}/members").json()["items"]
    assert [member["user_id"] for member in members] == [other.id]
    # The audit log keeps the email address.
    events = other.api.get(f"{organization.path}/audit-events?limit=100").json()["items"]
    assert founder.email in str(events)
